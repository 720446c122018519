// When mail that could not go is tried again, when its sender is warned, and when it is given up (RFC 5321 section 4.5.4.1).
// One arithmetic for every role that delays mail. Pure: time and chance are given.
import type { Config } from '#shared/config/schema.ts';
import type { Envelope, Notify } from '#shared/mail/envelope.ts';
import { wantsDsn } from '#shared/mail/notify.ts';

/** Each delay is varied by this part, so that what was delayed together does not come due together. */
const JITTER = 0.2;

export interface Occasion {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** In [0, 1). One for all recipients of a message: they come due together, and travel together. */
  readonly chance: number;
  readonly delivery: Config['delivery'];
}

/** What the schedule reads of a message; a MessageView is one. Its id does not count: a DSN's tells the time of its parent. */
export interface ScheduledMessage {
  readonly head: { readonly receivedAt: number; readonly envelope: Pick<Envelope, 'reversePath'> };
}

/** What the schedule reads of a recipient before this attempt; a Recipient is one. */
export interface ScheduledRecipient {
  readonly attempts: number;
  readonly reversePath?: string;
  readonly notify?: readonly Notify[];
  readonly warnedAt?: number;
}

export interface Retry {
  /** Milliseconds since the epoch; the last attempt falls on the expiry. */
  readonly due: number;
  /** A DSN about the delay is owed now. */
  readonly warn: boolean;
}

/** What follows from one more attempt that was delayed. Null: the message is too old, and given up. */
export function retryOf(message: ScheduledMessage, recipient: ScheduledRecipient, occasion: Occasion): Retry | null {
  const { now, chance, delivery } = occasion;
  const expiry = expiryOf(message, recipient, delivery);
  if (now >= expiry) return null;
  const delay = delivery.retry[Math.min(recipient.attempts, delivery.retry.length - 1)] ?? 0;
  return { due: Math.min(now + jittered(delay, chance), expiry), warn: owesWarning(message, recipient, occasion) };
}

/** When a recipient is given up, milliseconds since the epoch. DSNs, whose reverse-path is null, have an age of their own. */
export function expiryOf(message: ScheduledMessage, recipient: ScheduledRecipient, { max_age, bounce_max_age }: Config['delivery']): number {
  return message.head.receivedAt + (reversePathOf(message, recipient) === '' ? bounce_max_age : max_age);
}

/** Whether the sender is to hear of the delay now: once, when NOTIFY asks for it or is absent (RFC 3461 section 4.1). */
export function owesWarning(message: ScheduledMessage, recipient: ScheduledRecipient, { now, delivery }: Pick<Occasion, 'now' | 'delivery'>): boolean {
  if (delivery.delay_warning === 0 || recipient.warnedAt !== undefined) return false;
  // RFC 5321 section 6.1: nothing is sent in answer to a null reverse-path.
  if (reversePathOf(message, recipient) === '' || !wantsDsn(recipient.notify, 'delay')) return false;
  return now >= message.head.receivedAt + delivery.delay_warning;
}

/** `delay` varied by up to 20 %, in whole milliseconds. `chance` is in [0, 1). */
export function jittered(delay: number, chance: number): number {
  return Math.round(delay * (1 - JITTER + 2 * JITTER * chance));
}

function reversePathOf({ head }: ScheduledMessage, { reversePath }: ScheduledRecipient): string {
  return reversePath ?? head.envelope.reversePath;
}
