// From what an attempt made of a recipient to what the spool writes: the next due time, the expiry, the DSN that is owed. Pure.
import type { Config } from '#shared/config/schema.ts';
import { wantsDsn } from '#shared/mail/notify.ts';
import type { Delayed, Failed, Outcome } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Settlement } from '#shared/spool/spool.ts';
import type { Settled } from './delivery.ts';
import { expiryOf, retryAt } from './retry.ts';

export interface SettlementRules {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly delivery: Config['delivery'];
  /** In [0, 1). */
  readonly random: () => number;
  /** The attempt was ours to end (the lease): it costs the message no time. */
  readonly givenUp: boolean;
}

/**
 * The settlement of one recipient. A `site` delay leaves it due: the circuit decides when it goes. A `recipient` delay has
 * its own time. A delay past the message's age is a failure.
 */
export function settlementOf(view: MessageView, { recipient, outcome }: Settled, rules: SettlementRules): Settlement {
  const base = { number: recipient.number, attempt: recipient.attempts + 1 };
  if (outcome.kind !== 'delayed') return { ...base, outcome, owesDsn: owesDsn(recipient, outcome) };
  const expiry = expiryOfRecipient(view, recipient, rules.delivery);
  const later = retryAt({ now: rules.now, expiry, attempts: base.attempt, schedule: rules.delivery.retry }, rules.random);
  if (later === null) return expired(recipient, outcome);
  // A DELAY DSN (delivery.delay_warning) would be owed here, once: the record has `warnedAt` for it, the spool no state yet.
  const due = outcome.scope === 'site' || rules.givenUp ? rules.now : later;
  return { ...base, outcome, next: { due }, owesDsn: false };
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

/** When this recipient is given up, milliseconds since the epoch. */
export function expiryOfRecipient(view: MessageView, recipient: Recipient, delivery: Config['delivery']): number {
  return expiryOf(view.head.receivedAt, recipient.reversePath ?? view.head.envelope.reversePath, delivery);
}

/** RFC 3461 section 5.2.2: a next hop without DSN cannot tell of success, so we say `relayed`. */
function owesDsn({ notify }: Recipient, outcome: Outcome): boolean {
  if (outcome.kind === 'relayed') return !outcome.dsnHonoured && wantsDsn(notify, 'success');
  return outcome.kind === 'failed' && wantsDsn(notify, 'failure');
}
