// What filing made of each recipient, as outcomes, and when a delayed one is tried again. Pure: time and chance are given.
import { wantsDsn } from '#shared/mail/notify.ts';
import type { DeliveryResult } from '#shared/mailstore/mailstore.ts';
import { type Occasion, retryOf } from '#shared/protocol/retry-schedule.ts';
import type { Delayed, Delivered, Failed } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Settlement } from '#shared/spool/spool.ts';

export type Verdict = Delivered | Delayed | Failed;

/** RFC 3463 section 3.2: X.1.1, bad destination mailbox address. */
export const UNKNOWN: Failed = { kind: 'failed', status: '5.1.1', diagnostic: 'No such mailbox here' };
/** RFC 3463 section 3.4: X.3.1, mail system full. */
export const STORE_FULL: Delayed = delayed('4.3.1', 'The mail store has no room left');
/** RFC 3463 section 3.4: X.3.0, other mail system status. */
export const CONTENT_MISSING: Delayed = delayed('4.3.0', 'The content of the message was not found in the spool');

/** RFC 3463 section 3.3: X.2.2, mailbox full. */
const OVER_QUOTA: Delayed = delayed('4.2.2', 'The mailbox is full');

/** The outcome of one filing; null when the account has gone since it was made sure of. */
export function verdictOf(result: DeliveryResult): Verdict | null {
  switch (result.kind) {
    case 'stored':
      return { kind: 'delivered' };
    case 'over-quota':
      return OVER_QUOTA;
    case 'no-such-account':
      return null;
  }
}

/** The settlement of this attempt. A delay past the message's age is a failure (RFC 5321 section 4.5.4.1). */
export function settlementOf(view: MessageView, recipient: Recipient, verdict: Verdict, occasion: Occasion): Settlement {
  const attempt = recipient.attempts + 1;
  const base = { number: recipient.number, attempt };
  if (verdict.kind === 'delivered') return { ...base, outcome: verdict, owesDsn: wantsDsn(recipient.notify, 'success') };
  if (verdict.kind === 'failed') return { ...base, outcome: verdict, owesDsn: wantsDsn(recipient.notify, 'failure') };
  const retry = retryOf(view, recipient, occasion);
  if (retry === null) return { ...base, outcome: expired(verdict), owesDsn: wantsDsn(recipient.notify, 'failure') };
  return { ...base, outcome: verdict, next: { due: retry.due }, owesDsn: false, ...(retry.warn && { warn: true }) };
}

/** RFC 3463 section 3.5: X.4.7, delivery time expired. */
function expired({ diagnostic }: Delayed): Failed {
  return { kind: 'failed', status: '4.4.7', diagnostic: `Given up after too many attempts: ${diagnostic}` };
}

function delayed(status: string, diagnostic: string): Delayed {
  return { kind: 'delayed', scope: 'recipient', status, diagnostic };
}
