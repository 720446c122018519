// From what an attempt made of a recipient to what the spool writes: the next due time, the expiry, the DSN that is owed. Pure.
import { wantsDsn } from '#shared/mail/notify.ts';
import { type Occasion, retryOf } from '#shared/protocol/retry-schedule.ts';
import type { Delayed, Failed, Outcome } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Settlement } from '#shared/spool/spool.ts';
import type { Settled } from './attempt.ts';

export interface SettlementRules extends Occasion {
  /** The attempt was ours to end (the lease): it costs the message no time. */
  readonly givenUp: boolean;
}

/**
 * The settlement of one recipient. A `site` delay leaves it due: the circuit decides when it goes. A `recipient` delay has
 * its own time. A delay past the message's age is a failure, and of a long one the sender is warned.
 */
export function settlementOf(view: MessageView, { recipient, outcome }: Settled, rules: SettlementRules): Settlement {
  const base = { number: recipient.number, attempt: recipient.attempts + 1 };
  if (outcome.kind !== 'delayed') return { ...base, outcome, owesDsn: owesDsn(recipient, outcome) };
  const retry = retryOf(view, recipient, rules);
  if (retry === null) return expired(recipient, outcome);
  const due = outcome.scope === 'site' || rules.givenUp ? rules.now : retry.due;
  return { ...base, outcome, next: { due }, owesDsn: false, ...(retry.warn && { warn: true }) };
}

/** The end of a message that is too old, with what was seen last: RFC 3463 section 3.5, X.4.7. */
export function expired(recipient: Recipient, last: Pick<Delayed, 'diagnostic'> & Partial<Delayed>): Settlement {
  const { host, address, tls, reply } = last;
  const facts = {
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { address }),
    ...(tls ? { tls } : {}),
    ...(reply ? { reply } : {}),
  };
  const outcome: Failed = { kind: 'failed', status: '4.4.7', diagnostic: `Delivery time expired; last seen: ${last.diagnostic}`, ...facts };
  return { number: recipient.number, attempt: recipient.attempts + 1, outcome, owesDsn: owesDsn(recipient, outcome) };
}

/** RFC 3461 section 5.2.2: a next hop without DSN cannot tell of success, so we say `relayed`. */
function owesDsn({ notify }: Recipient, outcome: Outcome): boolean {
  if (outcome.kind === 'relayed') return !outcome.dsnHonoured && wantsDsn(notify, 'success');
  return outcome.kind === 'failed' && wantsDsn(notify, 'failure');
}
