// Who of a message goes from here, and who no longer belongs to this destination and is moved. Owns what is known of the site in this
// activation: one of its domains, and its connection pools. What can fail: the spool or the shared cache, which throw.
import type { Destination } from '#shared/protocol/destination.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Fence, MessageView, Spool } from '#shared/spool/spool.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Course } from './attempt.ts';
import type { Connections } from './connections.ts';
import { type CourseParts, type Whereabouts, whereIs } from './course.ts';

export interface DepartureParts extends CourseParts {
  readonly spool: Pick<Spool, 'read' | 'move'>;
  readonly connections: Connections;
  readonly clock: Clock;
}

type NextMailbox = Extract<Whereabouts, { kind: 'elsewhere' }>['mailbox'];

export interface Group<T> {
  readonly to: T;
  readonly recipients: Recipient[];
}

export class Departures {
  readonly #parts: DepartureParts;
  readonly #destination: Destination;
  readonly #fence: Fence;
  /** Connection pools used: one, but for a smarthost with several accounts. */
  readonly #pools = new Set<string>();
  /** A domain of this site: rules may name it. */
  #domain: string | undefined;

  /** `avoid`: by connection pool, what `avoided` said to an earlier activation. */
  constructor(parts: DepartureParts, destination: Destination, fence: Fence, avoid: Readonly<Record<string, readonly string[]>> = {}) {
    this.#parts = parts;
    this.#destination = destination;
    this.#fence = fence;
    for (const [pool, addresses] of Object.entries(avoid)) {
      this.#pools.add(pool);
      for (const address of Array.isArray(addresses) ? addresses : []) parts.connections.avoid(pool, String(address));
    }
  }

  get domain(): string | undefined {
    return this.#domain;
  }

  /** By connection pool: addresses that failed lately and are tried last. */
  avoided(): Readonly<Record<string, readonly string[]>> {
    const avoided = [...this.#pools].map((pool) => [pool, this.#parts.connections.avoided(pool)] as const);
    return Object.fromEntries(avoided.filter(([, addresses]) => addresses.length > 0));
  }

  /** Who of these goes from here, by connection pool. The others are moved. */
  async of(view: MessageView, recipients: readonly Recipient[]): Promise<readonly Group<Course>[]> {
    const here = new Map<string, Group<Course>>();
    const elsewhere = new Map<string, Group<NextMailbox>>();
    for (const [domain, those] of Map.groupBy(recipients, (recipient) => recipient.domain)) {
      const where = await whereIs(this.#parts, this.#destination, domain, view.id);
      if (where.kind === 'elsewhere') {
        addTo(elsewhere, JSON.stringify(where.mailbox), where.mailbox, those);
        continue;
      }
      this.#domain = domain;
      this.#pools.add(where.course.pool);
      addTo(here, where.course.pool, where.course, those);
    }
    await this.#move(view, [...elsewhere.values()]);
    return [...here.values()];
  }

  /** A wake-up that moves as a whole moves in one script; what is left of one that is split has nothing to wake, and the spool drops it. */
  async #move(view: MessageView, groups: readonly Group<NextMailbox>[]): Promise<void> {
    const { spool, clock } = this.#parts;
    let moved = 0;
    for (const { to, recipients } of groups) {
      moved += recipients.length;
      const numbers = recipients.map(({ number }) => number).toSorted((a, b) => a - b);
      const work = recipients.length === view.recipients.length ? view.work : { id: view.id, recipients: numbers };
      await spool.move(work, this.#fence, to, clock.now());
    }
    if (groups.length > 1 && moved === view.recipients.length) await spool.read(view.work, this.#fence.mailbox);
  }
}

function addTo<T>(groups: Map<string, Group<T>>, name: string, to: T, recipients: readonly Recipient[]): void {
  const known = groups.get(name);
  if (known) known.recipients.push(...recipients);
  else groups.set(name, { to, recipients: [...recipients] });
}
