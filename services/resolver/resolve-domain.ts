// From a mail domain to its hosts (RFC 5321 section 5.1). Owns nothing; asks the DNS through the client it is given.
// Every end is a Resolution: hosts, null MX, failed (never) or delayed (not now). Only a bug throws.
import { isIPv4, isIPv6 } from 'node:net';
import { canonicalDomain } from '#shared/mail/address.ts';
import type { Resolution, ResolvedHost } from '#shared/protocol/resolution.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { AddressPolicy } from './addresses.ts';
import type { DnsAnswer, DnsClient } from './dns-client.ts';
import { siteOf } from './site.ts';

export interface ResolveOptions {
  readonly dns: DnsClient;
  readonly clock: Clock;
  /** Our host name, lower case. */
  readonly hostname: string;
  readonly addresses: AddressPolicy;
  /** Let mail go to private addresses and our own (`resolver.allow_private`). */
  readonly allowPrivate: boolean;
  /** Milliseconds: bounds of what we keep. */
  readonly minTtl: number;
  readonly maxTtl: number;
  /** Upper bound for negative answers (RFC 2308 section 5). */
  readonly negativeTtl: number;
}

/** Hosts and addresses beyond these are not looked at: a domain must not make one message cost hundreds of connections. */
export const MAX_HOSTS = 20;
export const MAX_ADDRESSES = 8;
/** Milliseconds: RFC 2308 section 7 lets a failure of servers be kept for 5 minutes at most. */
const SERVER_FAILURE_TTL = 300_000;

/** A host name as RFC 5321 section 2.3.5 has it; underscores are tolerated, because they occur. */
const HOST_NAME = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

interface Mx {
  readonly preference: number;
  readonly exchange: string;
}

/** What became of one MX host. Seconds of TTL; null where nothing may be kept. */
type HostAddresses =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ours: boolean; readonly ttl: number }
  | { readonly kind: 'none'; readonly noName: boolean; readonly ttl: number | null }
  | { readonly kind: 'private'; readonly ttl: number }
  | { readonly kind: 'unknown'; readonly diagnostic: string };

/** Resolves a domain or an address literal with its brackets. U-labels are looked up as A-labels (RFC 5891 section 5). */
export async function resolveDomain(name: string, options: ResolveOptions): Promise<Resolution> {
  const domain = canonicalDomain(name);
  if (domain.startsWith('[')) return resolveLiteral(domain, options);
  const answer = await options.dns.query(domain, 'MX');
  switch (answer.kind) {
    case 'found':
      return resolveMx(domain, answer.records, answer.ttl, options);
    case 'no-data':
      // RFC 5321 section 5.1: no MX, so the domain itself is the host, at preference 0.
      return resolveHosts(domain, [{ preference: 0, exchange: domain }], answer.ttl ?? 0, true, options);
    case 'no-such-name':
      return failed('5.1.2', `Domain ${domain} does not exist`, answer.ttl, options);
    case 'server-failed':
    case 'timed-out':
      return delayed(answer.diagnostic, options);
  }
}

/** RFC 5321 section 4.1.3: the address itself is the host, and the DNS is not asked. */
function resolveLiteral(literal: string, options: ResolveOptions): Resolution {
  const content = literal.slice(1, -1);
  const address = /^ipv6:/i.test(content) ? content.slice(5).toLowerCase() : content;
  if (!literal.endsWith(']') || !(content === address ? isIPv4(address) : isIPv6(address))) return failed('5.1.3', 'Not an address literal', null, options);
  if (!options.allowPrivate && options.addresses.isOurs(address)) return loopsBack(literal, null, options);
  if (!options.allowPrivate && options.addresses.isPrivate(address)) return failed('5.4.4', `${literal} is not a public address`, null, options);
  return {
    kind: 'hosts',
    site: literal.toLowerCase(),
    hosts: [{ name: literal, preference: 0, addresses: [address] }],
    expiresAt: options.clock.now() + options.maxTtl,
  };
}

function resolveMx(domain: string, records: readonly Mx[], ttl: number, options: ResolveOptions): Promise<Resolution> | Resolution {
  // RFC 7505 section 3: a null MX stands alone. Beside others `.` is an error of its publisher, and is no host.
  const real = records.filter((record) => record.exchange !== '.');
  if (real.length === 0) return { kind: 'null-mx', expiresAt: options.clock.now() + clamp(ttl, options.minTtl, options.maxTtl) };
  const hosts = distinct(real).filter((record) => HOST_NAME.test(record.exchange));
  // RFC 5321 section 5.1: with any MX there is no implicit one, not even when none of them can be used.
  if (hosts.length === 0) return failed('5.4.4', `No MX of ${domain} is a host name`, ttl, options);
  return resolveHosts(domain, hosts, ttl, false, options);
}

/** Each name once, at its best preference; ascending; equal ones in the order of their names, for the reader shuffles them. */
function distinct(records: readonly Mx[]): Mx[] {
  const best = new Map<string, number>();
  for (const { preference, exchange } of records) {
    const name = exchange.toLowerCase();
    best.set(name, Math.min(preference, best.get(name) ?? preference));
  }
  const sorted = [...best].sort(([a, left], [b, right]) => left - right || (a < b ? -1 : 1));
  return sorted.map(([exchange, preference]) => ({ exchange, preference }));
}

async function resolveHosts(domain: string, all: readonly Mx[], ttl: number, implicit: boolean, options: ResolveOptions): Promise<Resolution> {
  const candidates = all.slice(0, MAX_HOSTS);
  const found = await Promise.all(candidates.map(async (mx) => ({ mx, result: await addressesOf(mx.exchange, options) })));
  // RFC 5321 section 5.1: we, and whatever is no better than we are, would only send the message in a circle.
  const ours = found.filter(({ mx, result }) => mx.exchange === options.hostname || (result.kind === 'addresses' && result.ours));
  const limit = Math.min(...ours.map(({ mx }) => mx.preference), Number.POSITIVE_INFINITY);
  const better = found.filter(({ mx }) => mx.preference < limit);
  const results = better.map(({ result }) => result);
  const least = leastTtl(ttl, results);
  const hosts = better.flatMap(({ mx, result }): ResolvedHost[] =>
    result.kind === 'addresses' ? [{ name: mx.exchange, preference: mx.preference, addresses: result.addresses }] : [],
  );
  if (hosts.length > 0)
    return {
      kind: 'hosts',
      site: siteOf(better.map(({ mx: { exchange, preference } }) => ({ name: exchange, preference }))),
      hosts,
      expiresAt: options.clock.now() + clamp(least, options.minTtl, options.maxTtl),
    };
  for (const result of results) if (result.kind === 'unknown') return delayed(result.diagnostic, options);
  if (ours.length > 0) return loopsBack(domain, least, options);
  return noHost(domain, results, implicit, least, options);
}

/** A and AAAA in parallel. A CNAME here is against RFC 2181 section 10.3, common, and followed. */
async function addressesOf(name: string, { dns, addresses: policy, allowPrivate }: ResolveOptions): Promise<HostAddresses> {
  const [a, aaaa] = await Promise.all([dns.query(name, 'A'), dns.query(name, 'AAAA')]);
  const all = interleave(recordsOf(a).filter(isIPv4), recordsOf(aaaa).filter(isIPv6));
  const usable = allowPrivate ? all : all.filter((address) => !policy.isPrivate(address));
  const ours = !allowPrivate && all.some((address) => policy.isOurs(address));
  const found = [a, aaaa].filter((answer) => answer.kind !== 'no-data' && answer.kind !== 'no-such-name');
  const ttl = Math.min(...(all.length > 0 ? found : [a, aaaa]).map(ttlOf));
  if (usable.length > 0 || ours) return { kind: 'addresses', addresses: usable.slice(0, MAX_ADDRESSES), ours, ttl };
  for (const answer of [a, aaaa]) if (answer.kind === 'server-failed' || answer.kind === 'timed-out') return { kind: 'unknown', diagnostic: answer.diagnostic };
  return all.length > 0 ? { kind: 'private', ttl } : { kind: 'none', noName: a.kind === 'no-such-name', ttl };
}

/** IPv4 first and then by turns: a host with a broken IPv6 path, or we with none, would wait out a connection each time. */
function interleave(v4: readonly string[], v6: readonly string[]): string[] {
  const longest = Math.max(v4.length, v6.length);
  return Array.from({ length: longest }, (_, at) => [v4[at], v6[at]]).flatMap((pair) => pair.filter((address) => address !== undefined));
}

function recordsOf(answer: DnsAnswer<string>): readonly string[] {
  return answer.kind === 'found' ? answer.records : [];
}

/** A family that could not be asked now is asked again soon. */
function ttlOf(answer: DnsAnswer<string>): number {
  return 'ttl' in answer ? (answer.ttl ?? 0) : 0;
}

function leastTtl(ttl: number, results: readonly HostAddresses[]): number {
  return Math.min(ttl, ...results.map((result) => ('ttl' in result ? (result.ttl ?? 0) : 0)));
}

function noHost(domain: string, results: readonly HostAddresses[], implicit: boolean, ttl: number, options: ResolveOptions): Resolution {
  if (results.some(({ kind }) => kind === 'private')) return failed('5.4.4', `Hosts of ${domain} have no public address`, ttl, options);
  if (implicit && results.every((result) => result.kind === 'none' && result.noName)) return failed('5.1.2', `Domain ${domain} does not exist`, ttl, options);
  return failed('5.4.4', implicit ? `Domain ${domain} has neither MX nor address` : `No MX host of ${domain} has an address`, ttl, options);
}

/** RFC 3463 section 3.5: X.4.6, routing loop detected. */
function loopsBack(domain: string, ttl: number | null, options: ResolveOptions): Resolution {
  return failed('5.4.6', `Mail for ${domain} would loop back to ourselves`, ttl, options);
}

function failed(status: string, diagnostic: string, ttl: number | null, options: ResolveOptions): Resolution {
  return {
    kind: 'failed',
    status,
    diagnostic,
    expiresAt: options.clock.now() + clamp(ttl ?? 0, options.minTtl, Math.max(options.minTtl, options.negativeTtl)),
  };
}

/** RFC 3463 section 3.5: X.4.3, directory server failure. Kept as shortly as we keep anything. */
function delayed(diagnostic: string, options: ResolveOptions): Resolution {
  return { kind: 'delayed', status: '4.4.3', diagnostic, expiresAt: options.clock.now() + Math.min(options.minTtl, SERVER_FAILURE_TTL) };
}

/** Seconds of the DNS in milliseconds, within our bounds. */
function clamp(seconds: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, seconds * 1000));
}
