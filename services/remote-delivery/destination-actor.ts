// The destination actor: one site (or one partition of it), its window, its circuit, what it learnt. Owns them while it is
// active. A next hop's failures are outcomes; a throw is the spool, the shared cache or a bug, and the runtime tries again.
import type { Activation, KeyedActor, KeyedFactory } from '#shared/actor/actor.ts';
import { type Destination, destinationKey, parseDestinationKey, siteBudget, siteName } from '#shared/protocol/destination.ts';
import { expiryOf, type Occasion, owesWarning } from '#shared/protocol/retry-schedule.ts';
import type { Delayed, Outcome } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Fence, MessageView, Settlement, Spool, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork } from '#shared/spool/work.ts';
import { attemptedEvent, countOutcomes, observed, type Telemetry } from './attempt-report.ts';
import { Breaker, readSnapshot } from './breaker.ts';
import type { Connections } from './connections.ts';
import { type CourseParts, type Whereabouts, whereIs } from './course.ts';
import { type Course, deliver, type Guard, type Report } from './delivery.ts';
import { Lanes } from './lanes.ts';
import { Pace } from './pace.ts';
import { expired, settlementOf } from './settlements.ts';

/** Sessions lost one after the other, none ending well, that count as a failure of the site. */
const LOSSES_TO_OPEN = 5;
/** Messages in hand for each connection, and at most so many more where they go fast. */
const FOLLOWED = 2;
const AHEAD = 8;
/** Senders warned before a probe: a long queue of them must not keep a site closed that is well again. */
const WARNINGS_BEFORE_PROBE = 1000;

export interface DestinationParts extends CourseParts, Telemetry {
  readonly spool: Pick<Spool, 'read' | 'content' | 'move' | 'settle' | 'probe'>;
  readonly connections: Connections;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Makes destination actors; everything they share in the process is in `parts`. */
export function destinationActors(parts: DestinationParts): KeyedFactory {
  return (activation) => {
    const parsed = parseDestinationKey(activation.key);
    if (!parsed) throw new Error(`No destination: ${activation.key}`);
    return new DestinationActor(parts, activation, parsed.destination, parsed.partition);
  };
}

/** What is to be settled for one entry: all its recipients that were not moved, in one script. */
interface Tally {
  readonly settlements: Settlement[];
  readonly events: TraceEvent[];
}

type NextMailbox = Extract<Whereabouts, { kind: 'elsewhere' }>['mailbox'];

interface Group<T> {
  readonly to: T;
  readonly recipients: Recipient[];
}

const NOT_ATTEMPTED: Delayed = { kind: 'delayed', scope: 'recipient', status: '4.3.0', diagnostic: 'Not attempted: we were interrupted' };

const UNKNOWN: Delayed = { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'The destination does not answer' };

interface Learnt {
  readonly breaker: unknown;
  /** By connection pool: addresses that failed lately and are tried last. */
  readonly avoid: Readonly<Record<string, readonly string[]>>;
}

class DestinationActor implements KeyedActor {
  readonly #parts: DestinationParts;
  readonly #destination: Destination;
  readonly #partition: number;
  readonly #shard: number;
  readonly #site: string;
  readonly #mailbox: { readonly role: 'remote-delivery'; readonly key: string };
  readonly #fence: Fence;
  readonly #breaker: Breaker;
  readonly #guard: Guard;
  /** Connection pools used: one, but for a smarthost with several accounts. */
  readonly #pools = new Set<string>();
  #losses = 0;
  readonly #pace = new Pace();
  /** Warnings of a delay since this activation began; an open circuit ends it. */
  #warnings = 0;
  /** A domain of this site: rules may name it. */
  #domain: string | undefined;

  constructor(parts: DestinationParts, activation: Activation, destination: Destination, partition: number) {
    this.#parts = parts;
    this.#destination = destination;
    this.#partition = partition;
    this.#shard = activation.shard;
    this.#site = siteName(destination);
    this.#mailbox = { role: 'remote-delivery', key: activation.key };
    this.#fence = { mailbox: this.#mailbox, epoch: activation.epoch };
    const learnt = (activation.learnt ?? {}) as Partial<Learnt>;
    this.#breaker = new Breaker(parts.clock, parts.random, () => parts.config().delivery.circuit, readSnapshot(learnt.breaker));
    for (const [pool, addresses] of Object.entries(learnt.avoid ?? {})) {
      this.#pools.add(pool);
      for (const address of Array.isArray(addresses) ? addresses : []) parts.connections.avoid(pool, String(address));
    }
    const lanes = new Lanes(parts.connections, () => this.#share());
    this.#guard = { lanes, mayCommit: () => !activation.signal.aborted && activation.leaseLeft() > 0 };
    activation.signal.addEventListener('abort', () => lanes.cut(), { once: true });
  }

  /** Each connection has a message at work and one that follows; more are on their way from and to the spool where they go fast. */
  window(): number {
    const share = this.#share();
    return this.#breaker.window(FOLLOWED * share + Math.min(this.#pace.recent(this.#parts.clock.monotonic()), AHEAD * share));
  }

  /** Our part of the site's connections. */
  #share(): number {
    const { connections, partitions } = siteBudget(this.#parts.config().sites, this.#destination, this.#domain);
    // Partition 0 has the remainder's first, and each has at least one.
    return Math.max(1, Math.floor((connections + partitions - 1 - (this.#partition % partitions)) / partitions));
  }

  closedUntil(): number | null {
    return this.#breaker.closedUntil();
  }

  learnt(): Learnt | null {
    const breaker = this.#breaker.snapshot();
    const avoided = [...this.#pools].map((pool) => [pool, this.#parts.connections.avoided(pool)] as const).filter(([, addresses]) => addresses.length > 0);
    return breaker || avoided.length > 0 ? { breaker, avoid: Object.fromEntries(avoided) } : null;
  }

  async receive(entry: string): Promise<void> {
    const work = decodeWork(entry);
    const view = await this.#parts.spool.read(work, this.#mailbox);
    if (!view) return;
    const { clock, config, random } = this.#parts;
    const occasion = { now: clock.now(), chance: random(), delivery: config().delivery };
    const tally: Tally = { settlements: [], events: [] };
    const unattempted = this.#unattempted(view, occasion);
    if (unattempted.length > 0) this.#note(view, tally, unattempted);
    const ended = new Set(unattempted.map(({ number }) => number));
    const courses = await this.#courses(
      view,
      view.recipients.filter(({ number }) => !ended.has(number)),
    );
    for (const { to, recipients } of courses) await this.#attempt(view, recipients, to, tally, occasion.chance);
    if (tally.settlements.length > 0) await this.#settle(view, tally);
  }

  /** Who goes from here, by connection pool: one pool, but for a smarthost with several accounts. The others are moved. */
  async #courses(view: MessageView, live: readonly Recipient[]): Promise<readonly Group<Course>[]> {
    const here = new Map<string, Group<Course>>();
    const elsewhere = new Map<string, Group<NextMailbox>>();
    for (const [domain, recipients] of Map.groupBy(live, (recipient) => recipient.domain)) {
      const where = await whereIs(this.#parts, this.#destination, domain, view.id);
      if (where.kind === 'elsewhere') {
        addTo(elsewhere, JSON.stringify(where.mailbox), where.mailbox, recipients);
        continue;
      }
      this.#domain = domain;
      this.#pools.add(where.course.pool);
      addTo(here, where.course.pool, where.course, recipients);
    }
    await this.#moveAll(view, [...elsewhere.values()]);
    return [...here.values()];
  }

  /** While a probe decides, all others wait unattempted: what is too old ends at once, senders are warned, and the next may probe. */
  #unattempted(view: MessageView, occasion: Occasion): readonly Settlement[] {
    if (!this.#breaker.halfOpen) return [];
    return view.recipients.flatMap((recipient) => {
      const last = recipient.last?.kind === 'delayed' ? recipient.last : { ...UNKNOWN, ...this.#breaker.failure };
      if (expiryOf(view, recipient, occasion.delivery) <= occasion.now) return expired(recipient, last);
      if (this.#warnings >= WARNINGS_BEFORE_PROBE || !owesWarning(view, recipient, occasion)) return [];
      this.#warnings++;
      return { number: recipient.number, attempt: recipient.attempts + 1, outcome: last, next: { due: occasion.now }, owesDsn: false, warn: true };
    });
  }

  /** A wake-up that moves as a whole moves in one script; what is left of one that is split has nothing to wake, and the spool drops it. */
  async #moveAll(view: MessageView, groups: readonly Group<NextMailbox>[]): Promise<void> {
    const { spool, clock } = this.#parts;
    let moved = 0;
    for (const { to, recipients } of groups) {
      moved += recipients.length;
      const work =
        recipients.length === view.recipients.length
          ? view.work
          : { id: view.id, recipients: recipients.map(({ number }) => number).toSorted((a, b) => a - b) };
      await spool.move(work, this.#fence, to, clock.now());
    }
    if (groups.length > 1 && moved === view.recipients.length) await spool.read(view.work, this.#mailbox);
  }

  /** Adds what came of it to the tally. What breaks on our side is thrown, unless an outcome is known: that must be settled first. */
  async #attempt(view: MessageView, recipients: readonly Recipient[], course: Course, tally: Tally, chance: number): Promise<void> {
    const { connections, spool, clock, config, log } = this.#parts;
    const observe = (run: () => Promise<Report>) => observed(this.#parts, this.#site, view, run);
    const { reports, broken } = await deliver({ connections, spool, observe }, course, this.#guard, view, recipients);
    const known = reports.reduce((sum, { settled }) => sum + settled.length, tally.settlements.length);
    if (broken !== undefined && known === 0) throw broken;
    if (broken !== undefined) log.error({ id: view.id, site: this.#site, err: broken }, 'attempt broke off');
    for (const report of reports) this.#judge(report);
    const rules = { now: clock.now(), chance, delivery: config().delivery, givenUp: !this.#guard.mayCommit() };
    for (const report of [...reports, unattempted(reports, recipients)]) {
      const settlements = report.settled.map((each) => settlementOf(view, each, rules));
      if (settlements.length > 0) this.#note(view, tally, settlements, report);
    }
  }

  #note(view: MessageView, tally: Tally, settlements: readonly Settlement[], report?: Report): void {
    tally.settlements.push(...settlements);
    tally.events.push(attemptedEvent(view, this.#site, this.#parts.clock.now(), settlements, report));
  }

  /** All outcomes of one entry in one script, its recipients in order. */
  async #settle(view: MessageView, { settlements, events }: Tally): Promise<void> {
    settlements.sort((a, b) => a.number - b.number);
    const result = await this.#parts.spool.settle(view, this.#fence, settlements, events);
    if (result !== 'committed') this.#parts.log.warn({ id: view.id, site: this.#site, result }, 'outcome not committed');
    else
      countOutcomes(
        this.#parts,
        this.#site,
        view,
        settlements.map(({ outcome }) => outcome),
      );
  }

  /** What a transaction says of the site. */
  #judge({ settled, refused, lost }: Report): void {
    const last = settled.map(({ outcome }) => outcome).find(isDelayed);
    if (!refused && !lost) {
      this.#losses = 0;
      this.#pace.took(this.#parts.clock.monotonic());
      if (this.#breaker.success()) this.#closed();
      return;
    }
    if (!last) return;
    if (lost) this.#losses++;
    if (refused || this.#breaker.halfOpen || this.#losses >= LOSSES_TO_OPEN) this.#fail(last);
  }

  /** The site is well: its other partitions need not wait for the times of their own probes. */
  #closed(): void {
    const { spool, log, config } = this.#parts;
    log.info({ site: this.#site }, 'circuit closed');
    const { partitions } = siteBudget(config().sites, this.#destination, this.#domain);
    for (let each = 0; each < partitions; each++) {
      const mailbox = { role: 'remote-delivery', key: destinationKey(this.#destination, each) } as const;
      const own = each === this.#partition ? this.#shard : undefined;
      spool.probe(mailbox, own).catch((error: Error) => log.warn({ site: this.#site, err: error.message }, 'a partition waits for its own probe'));
    }
  }

  #fail(failure: Delayed): void {
    this.#losses = 0;
    const { log } = this.#parts;
    if (this.#breaker.fail(failure)) log.warn({ site: this.#site, until: this.#breaker.closedUntil(), diagnostic: failure.diagnostic }, 'circuit opened');
  }
}

function addTo<T>(groups: Map<string, Group<T>>, name: string, to: T, recipients: readonly Recipient[]): void {
  const known = groups.get(name);
  if (known) known.recipients.push(...recipients);
  else groups.set(name, { to, recipients: [...recipients] });
}

/** Those that an attempt which ended early did not come to. */
function unattempted(reports: readonly Report[], recipients: readonly Recipient[]): Report {
  const known = new Set(reports.flatMap(({ settled }) => settled.map(({ recipient }) => recipient)));
  return {
    settled: recipients.filter((recipient) => !known.has(recipient)).map((recipient) => ({ recipient, outcome: NOT_ATTEMPTED })),
    lost: false,
    refused: false,
  };
}

function isDelayed(outcome: Outcome): outcome is Delayed {
  return outcome.kind === 'delayed';
}
