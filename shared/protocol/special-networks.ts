// Networks that no next hop of the public Internet is in (CIDR): IANA's special-purpose registries (RFC 6890), multicast included. The resolver passes over
// what the DNS says of them, and a delivery looks once more before it connects. Pure.

/** This machine itself: loopback, and no address at all. */
export const LOOPBACK = ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'] as const;

/**
 * Private, link-local and the like (RFC 1918, RFC 4193, RFC 4291), and tunnels to whichever IPv4 address they carry; without 64:ff9b::/96, through
 * which hosts without IPv4 reach it. IPv4 in IPv6 (RFC 4291 section 2.5.5) is judged as IPv4 by BlockList.
 */
export const NOT_PUBLIC = [
  ...['10.0.0.0/8', '100.64.0.0/10', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/3'],
  ...['64:ff9b:1::/48', '100::/64', '2001::/32', '2002::/16', 'fc00::/7', 'fe80::/9', 'ff00::/8'],
] as const;
