// What came of one entry so far: the outcomes of all its recipients that were not moved, and the events that tell of them. Owns them
// until they are settled together. What can fail: the spool, which throws.
import type { Fence, MessageView, Settlement, Spool, TraceEvent } from '#shared/spool/spool.ts';
import type { Report } from './attempt.ts';
import { attemptedEvent, countOutcomes, type Telemetry } from './attempt-report.ts';

interface Noted {
  readonly at: number;
  readonly settlements: readonly Settlement[];
  readonly report: Report | undefined;
}

export class Tally {
  readonly #telemetry: Telemetry;
  readonly #site: string;
  readonly #view: MessageView;
  readonly #noted: Noted[] = [];

  constructor(telemetry: Telemetry, site: string, view: MessageView) {
    this.#telemetry = telemetry;
    this.#site = site;
    this.#view = view;
  }

  /** Recipients with an outcome. */
  get size(): number {
    return this.#noted.reduce((sum, { settlements }) => sum + settlements.length, 0);
  }

  /** Of one transaction, or of none. */
  note(settlements: readonly Settlement[], report?: Report): void {
    if (settlements.length === 0) return;
    this.#noted.push({ at: this.#telemetry.clock.now(), settlements, report });
  }

  /** All outcomes in one script. `closedUntil`: of the circuit, now that it knows what came of the attempts. */
  async settle(spool: Pick<Spool, 'settle'>, fence: Fence, closedUntil: number | null): Promise<void> {
    if (this.size === 0) return;
    const settlements = this.#noted.flatMap((each) => each.settlements);
    const events = this.#noted.map((each): TraceEvent => attemptedEvent(this.#view, this.#site, each.at, each.settlements, closedUntil, each.report));
    const result = await spool.settle(this.#view, fence, settlements, events);
    if (result !== 'committed') return this.#telemetry.log.warn({ id: this.#view.id, site: this.#site, result }, 'outcome not committed');
    const outcomes = settlements.map(({ outcome }) => outcome);
    countOutcomes(this.#telemetry, this.#site, this.#view, outcomes);
  }
}
