// Names of what the runtime keeps in Redis. Every key of a shard carries the shard's hash tag, so one script or
// transaction can touch all of them, in a Cluster too.
import type { ActorRole, KeyedRole, Mailbox, PoolRole } from '#shared/protocol/topology.ts';

/** The tag and separator that every key of a shard begins with, e.g. `{stafette:0}:`. */
export function shardBase(prefix: string, shard: number): string {
  return `{${prefix}:${shard}}:`;
}

/** BullMQ's prefix on a shard. */
export function bullPrefix(base: string): string {
  return `${base}bull`;
}

/** The key of a queue's part, e.g. `wait`, or the start of its jobs' lock keys. */
export function bullKey(base: string, role: ActorRole, part: string): string {
  return `${bullPrefix(base)}:${role}:${part}`;
}

/** `role` for a pool, `role:key` for a keyed actor: how scripts and records write a mailbox. */
export function mailboxName(mailbox: Mailbox): string {
  return 'key' in mailbox ? `${mailbox.role}:${mailbox.key}` : mailbox.role;
}

/** The reverse of mailboxName. */
export function parseMailbox(name: string): Mailbox {
  const colon = name.indexOf(':');
  return colon < 0 ? { role: name as PoolRole } : { role: name.slice(0, colon) as KeyedRole, key: name.slice(colon + 1) };
}
