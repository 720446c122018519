// Which name servers to ask: those of the configuration, else those of the system. Owns nothing; an unreadable resolv.conf counts as empty.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Config } from '#shared/config/schema.ts';
import type { NameServerAddress } from './udp-ports.ts';

const RESOLV_CONF = '/etc/resolv.conf';
/** resolv.conf(5): what is asked when no server is named. */
const DEFAULT_SERVER: NameServerAddress = { host: '127.0.0.1', port: 53 };
const MAX_SYSTEM_SERVERS = 3;

/** The servers of `resolver.servers`, or of the system's resolv.conf, in order; never empty. */
export function nameServers(config: Config, read: () => string = readSystem): readonly NameServerAddress[] {
  if (config.resolver.servers.length > 0) return config.resolver.servers;
  const servers = parseResolvConf(read());
  return servers.length > 0 ? servers : [DEFAULT_SERVER];
}

/** The `nameserver` lines of a resolv.conf(5), of which the first three count. */
export function parseResolvConf(text: string): NameServerAddress[] {
  const hosts = [...text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm)].map((match) => match[1] ?? '').filter((host) => isIP(host) > 0);
  return hosts.slice(0, MAX_SYSTEM_SERVERS).map((host) => ({ host, port: DEFAULT_SERVER.port }));
}

function readSystem(): string {
  try {
    return readFileSync(RESOLV_CONF, 'utf8');
  } catch {
    return ''; // as the C library does: the default server is asked
  }
}
