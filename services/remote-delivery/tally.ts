// What came of one entry so far: the outcomes of all its recipients that were not moved, and the events that tell of them. Owns them
// until they are settled together. What can fail: the spool, which throws.
import type { Fence, MessageView, Settlement, Spool, TraceEvent } from '#shared/spool/spool.ts';
import type { Report } from './attempt.ts';
import { attemptedEvent, countOutcomes, type Telemetry } from './attempt-report.ts';

export class Tally {
  readonly #telemetry: Telemetry;
  readonly #site: string;
  readonly #view: MessageView;
  readonly #settlements: Settlement[] = [];
  readonly #events: TraceEvent[] = [];

  constructor(telemetry: Telemetry, site: string, view: MessageView) {
    this.#telemetry = telemetry;
    this.#site = site;
    this.#view = view;
  }

  /** Recipients with an outcome. */
  get size(): number {
    return this.#settlements.length;
  }

  /** Of one transaction, or of none. */
  note(settlements: readonly Settlement[], report?: Report): void {
    if (settlements.length === 0) return;
    this.#settlements.push(...settlements);
    this.#events.push(attemptedEvent(this.#view, this.#site, this.#telemetry.clock.now(), settlements, report));
  }

  /** All outcomes in one script. */
  async settle(spool: Pick<Spool, 'settle'>, fence: Fence): Promise<void> {
    if (this.size === 0) return;
    const result = await spool.settle(this.#view, fence, this.#settlements, this.#events);
    if (result !== 'committed') return this.#telemetry.log.warn({ id: this.#view.id, site: this.#site, result }, 'outcome not committed');
    const outcomes = this.#settlements.map(({ outcome }) => outcome);
    countOutcomes(this.#telemetry, this.#site, this.#view, outcomes);
  }
}
