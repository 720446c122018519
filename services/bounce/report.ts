// What a DSN tells, as values: which recipients, what became of them, and what of the original comes back.
// Pure; RFC 3461 decides here who is told what.
import { wantsDsn } from '#shared/mail/notify.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { MessageHead, Recipient } from '#shared/spool/record.ts';

/** RFC 3464 section 2.3.3. `expanded` is for lists. */
export type Action = 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';

export interface ReportedRecipient {
  readonly recipient: Recipient;
  readonly outcome: Outcome;
  readonly action: Action;
  /** Milliseconds since the epoch: until when a delayed one is tried. */
  readonly retryUntil?: number;
}

export interface Report {
  /** The DSN's own id. */
  readonly id: QueueId;
  /** The message that is reported. */
  readonly parent: QueueId;
  readonly head: MessageHead;
  /** The reverse-path to be told, or `postmaster` about a message that has none. */
  readonly to: string;
  readonly recipients: readonly ReportedRecipient[];
  /** What comes back of the original: all of it, its header, or nothing when it is lost. */
  readonly quote: Quote | null;
  /** Our name (Reporting-MTA). */
  readonly hostname: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly now: number;
}

export interface Quote {
  readonly content: Buffer;
  /** Whether `content` is the whole message or its header alone. */
  readonly whole: boolean;
}

/** The recipient as reported, or null when nobody wants to hear of it (RFC 3461 section 4.1 and 5.2). */
export function reported(recipient: Recipient): ReportedRecipient | null {
  const outcome = recipient.last;
  if (!outcome || !wanted(recipient, outcome)) return null;
  return { recipient, outcome, action: isExpansion(recipient, outcome) ? 'expanded' : outcome.kind };
}

/** The router settles an alias that became several without an attempt; a mailbox is delivered to in one (RFC 3461 section 5.2.7). */
function isExpansion(recipient: Recipient, outcome: Outcome): boolean {
  return outcome.kind === 'delivered' && recipient.attempts === 0;
}

function wanted(recipient: Recipient, outcome: Outcome): boolean {
  switch (outcome.kind) {
    case 'failed':
      return wantsDsn(recipient.notify, 'failure');
    case 'delayed':
      return wantsDsn(recipient.notify, 'delay');
    case 'delivered':
      return wantsDsn(recipient.notify, 'success');
    case 'relayed':
      // RFC 3461 section 5.2.2: a next hop that knows DSN took the duty over.
      return !outcome.dsnHonoured && wantsDsn(recipient.notify, 'success');
  }
}

/** RFC 3461 section 4.3: content comes back with a failure alone, and not when the sender asked for the header. */
export function mayQuoteWhole(head: MessageHead, recipients: readonly ReportedRecipient[]): boolean {
  return head.envelope.ret !== 'hdrs' && recipients.some(({ action }) => action === 'failed');
}
