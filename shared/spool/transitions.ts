// What follows from an outcome, as values: states, mailboxes and times before a script writes them. Pure.
import { mailboxName } from '#shared/actor/keys.ts';
import type { Mailbox, PoolRole } from '#shared/protocol/topology.ts';
import type { Recipient } from './record.ts';
import type { Fence, Incoming, NewRecipient, Settlement } from './spool.ts';

/** A mailbox that every instance may commit for: no fence. */
export type PoolMailbox = { readonly mailbox: Mailbox<PoolRole> };

/** As the scripts take it: empty where there is no fence. */
export function epochOf(from: Fence | PoolMailbox): string {
  return 'epoch' in from ? String(from.epoch) : '';
}

/** True for the mailbox of a pool role, which has no key. */
export function isPool(mailbox: string): mailbox is PoolRole {
  return !mailbox.includes(':');
}

/** The state in which the router's expansion writes a recipient: queued, owed or done. */
export function stateOf(recipient: NewRecipient): 'q' | 'o' | 'd' {
  if (!recipient.outcome) return 'q';
  return recipient.owesDsn ? 'o' : 'd';
}

/** The mailbox where a new recipient waits. */
export function destination(recipient: NewRecipient): string {
  return stateOf(recipient) === 'o' ? 'bounce' : mailboxName(recipient.mailbox);
}

/** The state, mailbox and time that follow from a settlement. */
export function whatNext({ outcome, next, owesDsn }: Settlement, here: Mailbox, now: number): { state: 'q' | 'o' | 'd'; mailbox: string; due: number } {
  if (outcome.kind === 'delayed') return { state: 'q', mailbox: mailboxName(next?.mailbox ?? here), due: Math.round(next?.due ?? now) };
  return owesDsn ? { state: 'o', mailbox: 'bounce', due: now } : { state: 'd', mailbox: mailboxName(here), due: now };
}

/** Whether nothing more is to be done for the recipient. */
export function isOver({ outcome, owesDsn }: Settlement): boolean {
  return outcome.kind !== 'delayed' && !owesDsn;
}

/** Whether the sender is to be told of this delay: asked for, and not decided before. */
export function owesWarning({ warn, outcome }: Settlement, recipient: Recipient | undefined): boolean {
  return warn === true && outcome.kind === 'delayed' && recipient?.warnedAt === undefined;
}

/** Whether a recipient still waits: at this mailbox, or, where its delay is to be told, at any. */
export function isWaiting(recipient: Recipient, mailbox: string, warning = false): boolean {
  if (warning) return recipient.state === 'queued';
  return recipient.state === (mailbox === 'bounce' ? 'owed' : 'queued') && recipient.mailbox === mailbox;
}

/** What the trace tells of a new message. */
export function receivedDetail({ envelope, origin, messageId }: Incoming, size: number): Record<string, unknown> {
  return { from: envelope.reversePath, to: envelope.recipients.map((each) => each.address).slice(0, 1000), size, origin, messageId };
}
