// Mailboxes as SMTP writes them (RFC 5321 section 4.1.2, RFC 6531 section 3.3): parse, compare, write back.
// Pure. A text that is not a mailbox is a Problem, never a throw.
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { type Parsed, parsed, refused } from './parsed.ts';

export interface Address {
  /** Without quotes and backslashes: what the quoted-string means. */
  readonly localPart: string;
  /** As given, an address literal with its brackets; empty for `postmaster` alone. */
  readonly domain: string;
}

/**
 * Octets. RFC 5321 section 4.5.3.1.1 promises senders 64 and section 4.5.3.1 asks for no limit where possible; VERP and SRS
 * reverse-paths go beyond 64 every day, so we take what still fits a header line comfortably.
 */
export const MAX_LOCAL_PART = 255;
/** RFC 5321 section 4.5.3.1.2 and, unlike the local-part, a limit of the DNS itself. */
export const MAX_DOMAIN = 255;

// The UTF8-non-ascii of RFC 6531 section 3.3, less what no mailbox can mean: controls, separators, halves, broken input.
const WIDE = '(?:(?![\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\uFFFD])[^\\x00-\\x7F])';
const ATEXT = `(?:[A-Za-z0-9!#$%&'*+\\-/=?^_\`{|}~]|${WIDE})`;
const DOT_STRING = new RegExp(`^${ATEXT}+(?:\\.${ATEXT}+)*$`, 'u');
const QUOTED_STRING = new RegExp(`^"(?:[\\x20\\x21\\x23-\\x5B\\x5D-\\x7E]|${WIDE}|\\\\[\\x20-\\x7E])*"$`, 'u');
const LDH_DOMAIN = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/;
const WIDE_DOMAIN = new RegExp(`^(?:[A-Za-z0-9.-]|${WIDE})+$`, 'u');
const ASCII = /^[\x00-\x7F]*$/;
// Canonical as they stand: most are, and this is the cheapest way to know.
const PLAIN_DOMAIN = /^[a-z0-9.-]*$/;
const PLAIN_LOCAL_PART = /^[a-z0-9_-]+(?:[.+=][a-z0-9_-]+)*$/;

/** Parses `local-part@domain`, or `postmaster` alone (RFC 5321 section 4.1.1.3). No angle brackets, no source route. */
export function parseAddress(text: string): Parsed<Address> {
  if (/^postmaster$/i.test(text)) return parsed({ localPart: text, domain: '' });
  // A domain has no `@`, so the last one separates, whatever a quoted local-part holds.
  const at = text.lastIndexOf('@');
  if (at < 1) return refused('syntax', 'Expected local-part@domain');
  const localPart = parseLocalPart(text.slice(0, at));
  if (!localPart.ok) return localPart;
  const domain = parseDomain(text.slice(at + 1));
  return domain.ok ? parsed({ localPart: localPart.value, domain: domain.value }) : domain;
}

function parseLocalPart(text: string): Parsed<string> {
  if (Buffer.byteLength(text) > MAX_LOCAL_PART) return refused('too-long', 'Local-part too long');
  if (DOT_STRING.test(text)) return parsed(text);
  if (!QUOTED_STRING.test(text)) return refused('syntax', 'Bad local-part');
  return parsed(text.slice(1, -1).replace(/\\(.)/gu, '$1'));
}

/** Checks a domain or an address literal and returns it as given. */
export function parseDomain(text: string): Parsed<string> {
  if (Buffer.byteLength(text) > MAX_DOMAIN) return refused('too-long', 'Domain too long');
  if (text.startsWith('[')) return isAddressLiteral(text) ? parsed(text) : refused('syntax', 'Bad address literal');
  const ascii = toAscii(text);
  if (ascii === null) return refused('syntax', 'Bad domain');
  return ascii.length > MAX_DOMAIN ? refused('too-long', 'Domain too long') : parsed(text);
}

/** RFC 5321 section 4.1.3: `[192.0.2.1]` or `[IPv6:2001:db8::1]`; no other tag is registered. */
function isAddressLiteral(text: string): boolean {
  if (!text.endsWith(']')) return false;
  const content = text.slice(1, -1);
  if (/^IPv6:/i.test(content)) return isIPv6(content.slice(5)) && !content.includes('%');
  return isIPv4(content);
}

/** The domain in LDH form: A-labels for U-labels (RFC 5890), or null when it is no domain. */
function toAscii(domain: string): string | null {
  if (LDH_DOMAIN.test(domain)) return domain;
  if (isAscii(domain) || !WIDE_DOMAIN.test(domain)) return null;
  const ascii = domainToASCII(domain);
  // Full-width digits can become an IPv4 address: no name then.
  return LDH_DOMAIN.test(ascii) && !isIPv4(ascii) ? ascii : null;
}

/** True when the text is US-ASCII: usable without SMTPUTF8. */
export function isAscii(text: string): boolean {
  return ASCII.test(text);
}

/**
 * The form in which domains are compared: lower case, U-labels as A-labels (RFC 5321 section 2.4, RFC 6531 section 3.2).
 * What is no domain is only lower-cased, so that it equals nothing of ours.
 */
export function canonicalDomain(domain: string): string {
  if (PLAIN_DOMAIN.test(domain)) return domain;
  return (isAscii(domain) ? domain : (toAscii(domain) ?? domain)).toLowerCase();
}

/**
 * The form in which addresses of ours are compared: canonical domain, local-part in lower case and NFC. For foreign
 * addresses it serves to find doubles only: their local-part's case belongs to them (RFC 5321 section 2.4).
 */
export function canonicalAddress(address: Address): string {
  const { localPart } = address;
  if (PLAIN_LOCAL_PART.test(localPart) && address.domain !== '') return `${localPart}@${canonicalDomain(address.domain)}`;
  return formatAddress({ localPart: localPart.normalize('NFC').toLowerCase(), domain: canonicalDomain(address.domain) });
}

/** Writes the address: a dot-string where possible, else a quoted-string (RFC 5321 section 4.1.2 prefers this). */
export function formatAddress(address: Address): string {
  const { localPart, domain } = address;
  const local = DOT_STRING.test(localPart) ? localPart : quote(localPart);
  return domain === '' ? local : `${local}@${domain}`;
}

function quote(localPart: string): string {
  const quoted = `"${localPart.replace(/["\\]/g, '\\$&')}"`;
  // What the parser never makes is not written either: a control here would end a line somewhere.
  if (!QUOTED_STRING.test(quoted)) throw new Error('not a local-part');
  return quoted;
}

/** The address in US-ASCII, its domain in A-labels, or null when its local-part needs SMTPUTF8 (RFC 6531 section 3.2). */
export function asciiAddress(address: Address): string | null {
  if (!isAscii(address.localPart)) return null;
  return formatAddress({ localPart: address.localPart, domain: isAscii(address.domain) ? address.domain : canonicalDomain(address.domain) });
}

/** The domain of a mailbox already checked, canonical; empty for `postmaster` alone and the null reverse-path. */
export function domainOf(mailbox: string): string {
  const at = mailbox.lastIndexOf('@');
  return at < 0 ? '' : canonicalDomain(mailbox.slice(at + 1));
}
