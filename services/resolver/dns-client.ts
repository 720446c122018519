// A stub resolver (RFC 1123 section 6.1.3.1): puts a question to the configured name servers until one answers. Owns the bound on
// questions under way. What the servers say, and that they say nothing, are values; only a bug throws.
import { randomFillSync } from 'node:crypto';
import { createTurns } from '#shared/directory/turns.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { type Exchange, Exchanges } from './dns-exchange.ts';
import { isQueryName, MAX_CNAMES, mixCase, type RecordData, type RecordType } from './dns-message.ts';
import type { NameServerAddress } from './udp-ports.ts';

/** The end of a look-up. TTLs are in seconds, the least of the CNAME chain included; null: not to be cached. */
export type DnsAnswer<T> =
  | { readonly kind: 'found'; readonly records: readonly T[]; readonly ttl: number }
  /** The name exists, without records of this type (RFC 2308 section 2.2). */
  | { readonly kind: 'no-data'; readonly ttl: number | null }
  /** NXDOMAIN (RFC 2308 section 2.1), or a name that no DNS can hold. */
  | { readonly kind: 'no-such-name'; readonly ttl: number | null }
  /** SERVFAIL, REFUSED, nonsense: the servers cannot say. */
  | { readonly kind: 'server-failed'; readonly diagnostic: string }
  | { readonly kind: 'timed-out'; readonly diagnostic: string };

export interface DnsClient {
  query<T extends RecordType>(name: string, type: T): Promise<DnsAnswer<RecordData[T]>>;
  /** Ends all that is under way: it answers `timed-out`. */
  close(): void;
}

export interface DnsClientOptions {
  readonly servers: readonly NameServerAddress[];
  /** Milliseconds of one try. */
  readonly timeout: number;
  /** How often at most a question is put, over all servers; each server is asked once at the least. */
  readonly tries: number;
  readonly clock: Clock;
  /** Questions under way at once: each holds a socket. */
  readonly concurrency?: number;
}

/** A silent server is asked last for this long, so that it does not cost its time-out in each look-up. */
const SUSPECT_MS = 30_000;
/** Domains whose servers are dead hold theirs for seconds, and others must not queue behind them. */
const CONCURRENCY = 1000;

export function createDnsClient(options: DnsClientOptions): DnsClient {
  const exchanges = new Exchanges(options.timeout);
  const suspects = new Map<NameServerAddress, number>();
  const bounded = createTurns(options.concurrency ?? CONCURRENCY);

  /** Servers by confidence, in the configured order otherwise. */
  const inOrder = () => {
    if (suspects.size === 0) return [...options.servers];
    const now = options.clock.monotonic();
    const suspect = (server: NameServerAddress) => (suspects.get(server) ?? 0) > now;
    return [...options.servers.filter((server) => !suspect(server)), ...options.servers.filter(suspect)];
  };

  const ask = async <T extends RecordType>(name: string, type: T): Promise<Final<RecordData[T]>> => {
    const waiting = inOrder();
    const complaints: string[] = [];
    let refused = false;
    for (let tries = Math.max(options.tries, waiting.length); tries > 0 && !exchanges.closed; tries--) {
      const server = waiting.shift();
      if (!server) break; // each said no, and would say it again
      const said = await askServer(exchanges, server, name, type);
      if (said.kind === 'silent') {
        waiting.push(server);
        suspects.set(server, options.clock.monotonic() + SUSPECT_MS);
        complaints.push(`${server.host}: no answer in ${options.timeout} ms`);
      } else if (said.kind === 'refused') {
        refused = true;
        complaints.push(`${server.host}: ${said.diagnostic}`);
      } else {
        suspects.delete(server);
        return said;
      }
    }
    return { kind: refused ? 'server-failed' : 'timed-out', diagnostic: `${type} ${name}: ${[...new Set(complaints)].join('; ') || 'no name server'}` };
  };

  /** Most resolvers give the whole CNAME chain at once; for those that stop on the way, the rest is asked for. */
  const query = async <T extends RecordType>(name: string, type: T): Promise<DnsAnswer<RecordData[T]>> => {
    let wanted = name;
    let chain = Number.POSITIVE_INFINITY;
    for (let hops = 0; hops <= MAX_CNAMES; hops++) {
      if (!isQueryName(wanted)) return { kind: 'no-such-name', ttl: null };
      const said = await ask(wanted, type);
      if (said.kind !== 'alias') return 'ttl' in said && said.ttl !== null ? { ...said, ttl: Math.min(said.ttl, chain) } : said;
      wanted = said.target;
      chain = Math.min(chain, said.ttl);
    }
    return { kind: 'server-failed', diagnostic: `${type} ${name}: more than ${MAX_CNAMES} CNAME records` };
  };

  return { query: (name, type) => bounded(() => query(name, type)), close: () => exchanges.close() };
}

type Final<T> = DnsAnswer<T> | { readonly kind: 'alias'; readonly target: string; readonly ttl: number };
type Said<T> =
  | Exclude<Final<T>, { readonly kind: 'server-failed' | 'timed-out' }>
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused'; readonly diagnostic: string };

/** One server: UDP first; without EDNS where it knows none (RFC 6891 section 7); TCP when truncated, or when case was lost. */
async function askServer<T extends RecordType>(exchanges: Exchanges, server: NameServerAddress, name: string, type: T): Promise<Said<RecordData[T]>> {
  const spelt = mixCase(name, randomOctets(32));
  let edns = true;
  let said: Exchange<RecordData[T]> = await exchanges.udp(server, { id: randomId(), name: spelt, type }, edns);
  if (said.kind === 'no-edns') {
    edns = false;
    said = await exchanges.udp(server, { id: randomId(), name: spelt, type }, edns);
  }
  if (said.kind === 'truncated' || said.kind === 'case-mismatch') {
    // A connection proves the address, so the letters' case need prove nothing; lower case is what such servers send back.
    said = await exchanges.tcp(server, { id: randomId(), name: name.toLowerCase(), type }, edns);
  }
  switch (said.kind) {
    case 'found':
    case 'no-data':
    case 'no-such-name':
    case 'alias':
    case 'silent':
    case 'refused':
      return said;
    case 'away':
    case 'malformed':
      return { kind: 'refused', diagnostic: said.diagnostic };
    case 'no-edns':
      return { kind: 'refused', diagnostic: 'FORMERR or NOTIMP' };
    case 'truncated':
    case 'mismatch':
    case 'case-mismatch':
      return { kind: 'refused', diagnostic: 'an answer to another question' };
  }
}

/** Fetched many at a time: asking the kernel costs far more than the octets. Each is used once. */
const pool = Buffer.alloc(4096);
let used = pool.length;

function randomOctets(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}

function randomId(): number {
  return randomOctets(2).readUInt16BE(0);
}
