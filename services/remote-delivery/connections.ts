// The connections of this process, kept for a while after use and shared by all activations of a site that come and go. It
// owns them, the TLS sessions, and the memory of addresses that failed lately. A next hop that cannot be reached is an outcome.
import { isIP } from 'node:net';
import type { Config } from '#shared/config/schema.ts';
import type { Delayed, Failed } from '#shared/smtp/outcome.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import { forbidden } from './address-policy.ts';
import type { NextHop } from './next-hop.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';
import { type ConnectionOptions, type Opened, openConnection } from './smtp-client/open-connection.ts';

/** Addresses tried for one message, as Postfix smtp_mx_address_limit; RFC 5321 section 5.1 asks for at least two. */
const MAX_ADDRESSES = 5;
/** An address that failed goes last for so long, in milliseconds. */
const AVOID_FOR = 300_000;
const MAX_AVOIDED = 1000;
/** Of one site, carried to the next activation. */
const MAX_LEARNT = 20;
const MAX_SESSIONS = 1000;

/** What the configuration says, read at each use. */
export interface ConnectionSettings {
  readonly hostname: string;
  readonly localAddress?: string;
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly timeouts: ConnectionOptions['timeouts'];
}

/** The part of the configuration that connections need; `hostname` is the machine's. */
export function connectionSettings({ delivery, hostname: configured }: Pick<Config, 'delivery' | 'hostname'>, hostname: string): ConnectionSettings {
  return {
    hostname: configured ?? hostname,
    idleTimeout: delivery.idle_timeout,
    timeouts: { connect: delivery.connect_timeout, greeting: delivery.greeting_timeout, command: delivery.command_timeout, data: delivery.data_timeout },
    ...(delivery.local_address === undefined ? {} : { localAddress: delivery.local_address }),
  };
}

/** An opened connection, or why there is none; and what hosts said that did not take it, before the one that did or that is named. */
export type Reached = Opened & { readonly passedOver: readonly string[] };

interface Kept {
  readonly connection: SmtpConnection;
  readonly since: number;
}

interface Candidate {
  readonly host: string;
  readonly address: string;
}

export class Connections {
  readonly #settings: () => ConnectionSettings;
  readonly #clock: Clock;
  readonly #random: () => number;
  /** By site, the last used last. */
  readonly #kept = new Map<string, Kept[]>();
  readonly #sessions = new Map<string, Buffer>();
  /** Until when (monotonic milliseconds) an address of a site is tried last. */
  readonly #avoided = new Map<string, number>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(settings: () => ConnectionSettings, clock: Clock, random: () => number) {
    this.#settings = settings;
    this.#clock = clock;
    this.#random = random;
  }

  /** A kept connection of this site that still lives, or null. It belongs to the caller until it is released. */
  take(site: string): SmtpConnection | null {
    const kept = this.#kept.get(site);
    for (let last = kept?.pop(); last; last = kept?.pop()) if (last.connection.usable) return last.connection;
    return null;
  }

  /** Gives a connection back after its transactions; it is kept, or closed after `maxMessages` of them. */
  release(site: string, connection: SmtpConnection, maxMessages: number): void {
    if (!connection.usable) return;
    if (this.#closed || connection.transactions >= maxMessages) {
      void connection.quit();
      return;
    }
    const kept = this.#kept.get(site);
    const entry = { connection, since: this.#clock.monotonic() };
    if (kept) kept.push(entry);
    else this.#kept.set(site, [entry]);
    this.#sweep ??= setInterval(() => this.#closeIdle(), Math.max(50, this.#settings().idleTimeout / 4)).unref();
  }

  /** Tries the hosts in the order of RFC 5321 section 5.1 until one takes the connection. */
  async open(site: string, hop: NextHop): Promise<Reached> {
    let refusal: Delayed | Failed | null = null;
    const refusals: (Delayed | Failed)[] = [];
    const passedOver = (last?: Delayed | Failed) => refusals.filter((each) => each !== last).map(({ diagnostic }) => diagnostic);
    for (const candidate of this.#candidates(site, hop)) {
      const barred = hop.publicOnly ? forbidden(candidate.address) : null;
      if (barred) {
        const outcome: Failed = { kind: 'failed', status: barred.status, diagnostic: `${candidate.host}[${candidate.address}] ${barred.why}`, ...candidate };
        refusals.push(outcome);
        refusal ??= outcome;
        continue;
      }
      const opened = await openConnection(this.#optionsFor(site, hop, candidate));
      if (opened.kind === 'open') {
        this.#avoided.delete(`${site}\n${candidate.address}`);
        return { ...opened, passedOver: passedOver() };
      }
      refusals.push(opened.outcome);
      this.avoid(site, candidate.address);
      refusal = worseOf(refusal, opened.outcome);
    }
    if (refusal) return { kind: 'refused', outcome: refusal, passedOver: passedOver(refusal) };
    return { kind: 'refused', outcome: { kind: 'delayed', scope: 'site', status: '4.4.4', diagnostic: 'None of the hosts has an address' }, passedOver: [] };
  }

  /** Addresses of this site that failed lately, for the next activation to try last too. */
  avoided(site: string): readonly string[] {
    const now = this.#clock.monotonic();
    const lately = [...this.#avoided].filter(([key, until]) => until > now && key.startsWith(`${site}\n`));
    return lately.slice(-MAX_LEARNT).map(([key]) => key.slice(site.length + 1));
  }

  avoid(site: string, address: string): void {
    bounded(this.#avoided, `${site}\n${address}`, this.#clock.monotonic() + AVOID_FOR, MAX_AVOIDED);
  }

  /** Says QUIT on all that is kept; what is in use ends when it is released. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    const all = [...this.#kept.values()].flat();
    this.#kept.clear();
    await Promise.all(all.map(({ connection }) => connection.quit()));
  }

  /** Preference ascending, at random within one, all addresses of a host; what failed lately goes last (RFC 5321 section 5.1). */
  #candidates(site: string, hop: NextHop): readonly Candidate[] {
    const now = this.#clock.monotonic();
    const ranked = hop.hosts.map((host) => ({ host, chance: this.#random() }));
    ranked.sort((a, b) => a.host.preference - b.host.preference || a.chance - b.chance);
    const all = ranked.flatMap(({ host }) => host.addresses.map((address) => ({ host: host.name, address })));
    const bad = ({ address }: Candidate) => (this.#avoided.get(`${site}\n${address}`) ?? 0) > now;
    return [...all.filter((each) => !bad(each)), ...all.filter(bad)].slice(0, MAX_ADDRESSES);
  }

  #optionsFor(site: string, hop: NextHop, { host, address }: Candidate): ConnectionOptions {
    const { hostname, localAddress, timeouts } = this.#settings();
    // A session made without verification must not serve where verification is asked for, nor across sites.
    const key = () => JSON.stringify([site, hop.tls, host, address, hop.port]);
    const sessions = { get: () => this.#sessions.get(key()), set: (session: Buffer) => bounded(this.#sessions, key(), session, MAX_SESSIONS) };
    const own = localAddress !== undefined && isIP(localAddress) === isIP(address) ? { localAddress } : {};
    return { host, address, port: hop.port, hostname, tls: hop.tls, sessions, timeouts, ...own, ...(hop.credentials ? { credentials: hop.credentials } : {}) };
  }

  #closeIdle(): void {
    const oldest = this.#clock.monotonic() - this.#settings().idleTimeout;
    for (const [site, kept] of this.#kept) {
      while (kept[0] && (kept[0].since <= oldest || !kept[0].connection.usable)) void kept.shift()?.connection.quit();
      if (kept.length === 0) this.#kept.delete(site);
    }
    if (this.#kept.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** One host that may take it later outweighs those that never will: only when none is left is it final (RFC 7504 section 4). */
function worseOf(before: Delayed | Failed | null, now: Delayed | Failed): Delayed | Failed {
  return before?.kind === 'delayed' && now.kind === 'failed' ? before : now;
}

function bounded<K, V>(map: Map<K, V>, key: K, value: V, limit: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > limit && oldest !== undefined) map.delete(oldest);
}
