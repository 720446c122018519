// The destination actor: one site (or one partition of it), its window, its circuit, what it learnt. Owns them while it is
// active. A next hop's failures are outcomes; a throw is the spool, the shared cache or a bug, and the runtime tries again.
import type { Activation, KeyedActor, KeyedFactory } from '#shared/actor/actor.ts';
import { type Destination, parseDestinationKey, siteName } from '#shared/protocol/destination.ts';
import type { Delayed } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Fence, MessageView, Settlement, Spool } from '#shared/spool/spool.ts';
import { decodeWork } from '#shared/spool/work.ts';
import type { Course, Guard, Report } from './attempt.ts';
import { observed, type Telemetry } from './attempt-report.ts';
import { Circuit, type CircuitParts } from './circuit.ts';
import { deliver } from './delivery.ts';
import { type DepartureParts, Departures } from './departures.ts';
import { Lanes } from './lanes.ts';
import { Pace } from './pace.ts';
import { Partition } from './partition.ts';
import { settlementOf } from './settlements.ts';
import { Tally } from './tally.ts';

/** Messages in hand for each connection, and at most so many more where they go fast. */
const FOLLOWED = 2;
const AHEAD = 8;

export interface DestinationParts extends DepartureParts, CircuitParts, Telemetry {
  readonly spool: Pick<Spool, 'read' | 'content' | 'move' | 'settle' | 'probe'>;
}

/** Makes destination actors; everything they share in the process is in `parts`. */
export function destinationActors(parts: DestinationParts): KeyedFactory {
  return (activation) => {
    const parsed = parseDestinationKey(activation.key);
    if (!parsed) throw new Error(`No destination: ${activation.key}`);
    return new DestinationActor(parts, activation, parsed.destination, parsed.partition);
  };
}

const NOT_ATTEMPTED: Delayed = { kind: 'delayed', scope: 'recipient', status: '4.3.0', diagnostic: 'Not attempted: we were interrupted' };

interface Learnt {
  readonly breaker: unknown;
  /** By connection pool: addresses that failed lately and are tried last. */
  readonly avoid: Readonly<Record<string, readonly string[]>>;
}

class DestinationActor implements KeyedActor {
  readonly #parts: DestinationParts;
  readonly #site: string;
  readonly #fence: Fence;
  readonly #partition: Partition;
  readonly #circuit: Circuit;
  readonly #departures: Departures;
  readonly #guard: Guard;
  readonly #pace = new Pace();

  constructor(parts: DestinationParts, activation: Activation, destination: Destination, partition: number) {
    this.#parts = parts;
    this.#site = siteName(destination);
    this.#fence = { mailbox: { role: 'remote-delivery', key: activation.key }, epoch: activation.epoch };
    this.#partition = new Partition(parts, destination, partition, activation.shard);
    const learnt = (activation.learnt ?? {}) as Partial<Learnt>;
    this.#circuit = new Circuit(parts, this.#site, learnt.breaker);
    this.#departures = new Departures(parts, destination, this.#fence, learnt.avoid);
    const lanes = new Lanes(parts.connections, () => this.#share());
    this.#guard = { lanes, mayCommit: () => activation.leaseLeft() > 0 };
  }

  /** Each connection has a message at work and one that follows; more are on their way from and to the spool where they go fast. */
  window(): number {
    const share = this.#share();
    return this.#circuit.window(FOLLOWED * share + Math.min(this.#pace.recent(this.#parts.clock.monotonic()), AHEAD * share));
  }

  #share(): number {
    return this.#partition.share(this.#departures.domain);
  }

  closedUntil(): number | null {
    return this.#circuit.closedUntil();
  }

  learnt(): Learnt | null {
    const breaker = this.#circuit.snapshot();
    const avoid = this.#departures.avoided();
    return breaker || Object.keys(avoid).length > 0 ? { breaker, avoid } : null;
  }

  abort(): void {
    this.#guard.lanes.cut();
  }

  async receive(entry: string): Promise<void> {
    const { spool, clock, config, random } = this.#parts;
    const view = await spool.read(decodeWork(entry), this.#fence.mailbox);
    if (!view) return;
    const occasion = { now: clock.now(), chance: random(), delivery: config().delivery };
    const tally = new Tally(this.#parts, this.#site, view);
    const unattempted = this.#circuit.unattempted(view, occasion);
    tally.note(unattempted);
    for (const { to, recipients } of await this.#departures.of(view, without(view.recipients, unattempted)))
      await this.#attempt(view, recipients, to, tally, occasion.chance);
    await tally.settle(spool, this.#fence, this.closedUntil());
  }

  /** Adds what came of it to the tally. What breaks on our side is thrown, unless an outcome is known: that must be settled first. */
  async #attempt(view: MessageView, recipients: readonly Recipient[], course: Course, tally: Tally, chance: number): Promise<void> {
    const { connections, spool, clock, config, log } = this.#parts;
    const observe = (run: () => Promise<Report>) => observed(this.#parts, this.#site, view, run);
    const { reports, broken } = await deliver({ connections, spool, observe }, course, this.#guard, view, recipients);
    const known = reports.reduce((sum, { settled }) => sum + settled.length, tally.size);
    if (broken !== undefined && known === 0) throw broken;
    if (broken !== undefined) log.error({ id: view.id, site: this.#site, err: broken }, 'attempt broke off');
    for (const report of reports) this.#judge(report);
    const rules = { now: clock.now(), chance, delivery: config().delivery, givenUp: !this.#guard.mayCommit() };
    for (const report of [...reports, unattempted(reports, recipients)]) {
      tally.note(
        report.settled.map((each) => settlementOf(view, each, rules)),
        report,
      );
    }
  }

  #judge(report: Report): void {
    const judgement = this.#circuit.judge(report);
    if (judgement === 'unwell') return;
    this.#pace.took(this.#parts.clock.monotonic());
    if (judgement === 'well') return;
    this.#parts.log.info({ site: this.#site }, 'circuit closed');
    this.#partition.letOthersProbe(this.#departures.domain);
  }
}

/** Mostly nobody has ended, and all are to go. */
function without(recipients: readonly Recipient[], ended: readonly Settlement[]): readonly Recipient[] {
  if (ended.length === 0) return recipients;
  const numbers = new Set(ended.map(({ number }) => number));
  return recipients.filter(({ number }) => !numbers.has(number));
}

/** Those that an attempt which ended early did not come to. */
function unattempted(reports: readonly Report[], recipients: readonly Recipient[]): Report {
  const settled = reports.flatMap((report) => report.settled);
  const known = settled.length < recipients.length && new Set(settled.map(({ recipient }) => recipient));
  const rest = known ? recipients.filter((recipient) => !known.has(recipient)) : [];
  return { settled: rest.map((recipient) => ({ recipient, outcome: NOT_ATTEMPTED })), lost: false, refused: false };
}
