// The circuit of one destination: what transactions say of the site, and who waits unattempted while a probe decides. Owns the breaker
// and the counts that move it.
import type { Config } from '#shared/config/schema.ts';
import { expiryOf, type Occasion, owesWarning } from '#shared/protocol/retry-schedule.ts';
import type { Delayed, Outcome } from '#shared/smtp/outcome.ts';
import type { MessageView, Settlement } from '#shared/spool/spool.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Report } from './attempt.ts';
import { Breaker, type BreakerSnapshot, readSnapshot } from './breaker.ts';
import { expired } from './settlements.ts';

/** Sessions lost one after the other, none ending well, that count as a failure of the site. */
const LOSSES_TO_OPEN = 5;
/** Senders warned before a probe: a long queue of them must not keep a site closed that is well again. */
const WARNINGS_BEFORE_PROBE = 1000;

const UNKNOWN: Delayed = { kind: 'delayed', scope: 'site', status: '4.4.1', diagnostic: 'The destination does not answer' };

export interface CircuitParts {
  readonly config: () => Config;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What became of the site by a report: it does well, it does well again after its circuit was open, or neither. */
export type Judgement = 'well' | 'closed' | 'unwell';

export class Circuit {
  readonly #site: string;
  readonly #log: Logger;
  readonly #breaker: Breaker;
  #losses = 0;
  /** Warnings of a delay since this activation began; an open circuit ends it. */
  #warnings = 0;

  /** `learnt`: what an earlier activation saved. */
  constructor({ clock, random, config, log }: CircuitParts, site: string, learnt: unknown) {
    this.#site = site;
    this.#log = log;
    this.#breaker = new Breaker(clock, random, () => config().delivery.circuit, readSnapshot(learnt));
  }

  /** How many of `full` may go at once, now. */
  window(full: number): number {
    return this.#breaker.window(full);
  }

  closedUntil(): number | null {
    return this.#breaker.closedUntil();
  }

  snapshot(): BreakerSnapshot | null {
    return this.#breaker.snapshot();
  }

  /** While a probe decides, all others wait unattempted: what is too old ends at once, senders are warned, and the next may probe. */
  unattempted(view: MessageView, occasion: Occasion): readonly Settlement[] {
    if (!this.#breaker.halfOpen) return [];
    return view.recipients.flatMap((recipient) => {
      const last = recipient.last?.kind === 'delayed' ? recipient.last : { ...UNKNOWN, ...this.#breaker.failure };
      if (expiryOf(view, recipient, occasion.delivery) <= occasion.now) return expired(recipient, last);
      if (this.#warnings >= WARNINGS_BEFORE_PROBE || !owesWarning(view, recipient, occasion)) return [];
      this.#warnings++;
      return { number: recipient.number, attempt: recipient.attempts + 1, outcome: last, next: { due: occasion.now }, owesDsn: false, warn: true };
    });
  }

  /** What a transaction says of the site. */
  judge({ settled, refused, lost }: Report): Judgement {
    if (!refused && !lost) {
      this.#losses = 0;
      return this.#breaker.success() ? 'closed' : 'well';
    }
    const last = settled.map(({ outcome }) => outcome).find(isDelayed);
    if (last && lost) this.#losses++;
    if (last && (refused || this.#breaker.halfOpen || this.#losses >= LOSSES_TO_OPEN)) this.#fail(last);
    return 'unwell';
  }

  #fail(failure: Delayed): void {
    this.#losses = 0;
    if (!this.#breaker.fail(failure)) return;
    this.#log.warn({ site: this.#site, until: this.#breaker.closedUntil(), diagnostic: failure.diagnostic }, 'circuit opened');
  }
}

function isDelayed(outcome: Outcome): outcome is Delayed {
  return outcome.kind === 'delayed';
}
