// What the operator sees of the queue: whole records without content, one by one or by filter, and when each recipient is due.
// It owns nothing and only reads. What can fail: Redis away. Records come and go meanwhile: a listing is no snapshot.
import { Cluster } from 'ioredis';
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import type { Shard } from '#shared/actor/shard.ts';
import { decodeRecipients } from './codec.ts';
import { isQueueId, type QueueId, shardOf, timeOf } from './queue-id.ts';
import { type MessageHead, RECORD_VERSION, type Recipient } from './record.ts';
import { decodeWork } from './work.ts';

const SCAN = 1000;

export interface StoredMessage {
  readonly id: QueueId;
  readonly head: MessageHead;
  /** Where its content lies. */
  readonly tier: 'hot' | 'cold';
  readonly held: boolean;
  /** The router has written its recipients. */
  readonly expanded: boolean;
  readonly recipients: readonly Recipient[];
}

/**
 * Of the whole message, the first that holds: `held` by the operator; `incoming`, not routed yet; `deferred`, tried without
 * success; `active`, about to be tried for the first time; `owed`, only a DSN is missing.
 */
export type MessageState = 'held' | 'incoming' | 'deferred' | 'active' | 'owed';
export const MESSAGE_STATES = ['held', 'incoming', 'deferred', 'active', 'owed'] as const satisfies readonly MessageState[];

export interface QueueFilter {
  readonly id?: QueueId;
  /** Reverse-path; empty for the null reverse-path. */
  readonly sender?: string;
  /** An open recipient, or the one of the envelope that it comes from. */
  readonly recipient?: string;
  /** Of such a recipient. */
  readonly domain?: string;
  /** Received before this, milliseconds since the epoch. */
  readonly before?: number;
  readonly state?: MessageState;
}

/** When a recipient is tried next. */
export interface Due {
  /** Milliseconds since the epoch; null while an activation has it. */
  readonly at: number | null;
  /** Until then the site's circuit keeps everything back. */
  readonly circuitUntil?: number;
}

type InspectedSystem = Pick<OpenActorSystem, 'shards' | 'reader'>;

export function messageState({ held, expanded, recipients }: StoredMessage): MessageState {
  if (held) return 'held';
  if (!expanded) return 'incoming';
  const queued = recipients.filter(({ state }) => state === 'queued');
  if (queued.length === 0) return 'owed';
  return queued.some(({ attempts }) => attempts > 0) ? 'deferred' : 'active';
}

export function shardWith(system: Pick<OpenActorSystem, 'shards'>, id: QueueId): Shard | undefined {
  return system.shards[shardOf(id)];
}

/** The record of one message, or null when there is none (any more). One of a newer version is shown as far as we know it. */
export async function inspect(system: InspectedSystem, id: QueueId): Promise<StoredMessage | null> {
  const shard = shardWith(system, id);
  if (!shard) return null;
  const name = `${shard.base}m:${id}`;
  const [head, location, expanded, held] = await system.reader.hmget(name, 'e', 'l', 'x', 'h');
  if (!head) return null;
  const recipients = new Map<number, Recipient>();
  // HSCAN and not HGETALL: content is a field too, and stays where it is.
  for (let cursor = '0'; ; ) {
    const [next, fields] = await system.reader.hscan(name, cursor, 'MATCH', 'r[0-9]*', 'COUNT', SCAN);
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const number = Number((fields[i] as string).slice(1));
      for (const each of readable(() => decodeRecipients(number, fields[i + 1] as string)) ?? [damagedRecipient(number)]) recipients.set(each.number, each);
    }
    cursor = next;
    if (cursor === '0') break;
  }
  const inOrder = [...recipients.values()].sort((a, b) => a.number - b.number);
  return {
    id,
    head: readable(() => JSON.parse(head) as MessageHead) ?? damagedHead(id),
    tier: location ? 'cold' : 'hot',
    held: Boolean(held),
    expanded: Boolean(expanded),
    recipients: inOrder,
  };
}

/** What cannot be read is shown as such and does not hide the rest of the queue: the operator has to be able to delete it. */
function readable<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function damagedHead(id: QueueId): MessageHead {
  const envelope = { reversePath: '', recipients: [], body: '8bitmime', smtputf8: false } as const;
  return { version: RECORD_VERSION, envelope, origin: { kind: 'smtp', client: 'unknown', helo: 'damaged record' }, size: 0, receivedAt: timeOf(id), hops: 0 };
}

function damagedRecipient(number: number): Recipient {
  const last = { kind: 'delayed', scope: 'recipient', status: '4.3.0', diagnostic: 'its record is damaged' } as const;
  return { number, address: 'damaged record', of: 0, transport: 'error', domain: '', rule: '', state: 'queued', mailbox: 'damaged', attempts: 0, last };
}

/** Every queue id, in no order; one may come twice. Reads the names of keys, not records. */
export async function* queueIds({ reader, shards }: InspectedSystem): AsyncGenerator<readonly QueueId[]> {
  const pattern = `${(shards[0]?.base ?? '').replace(/\d+\}:$/, '*}:m:')}*`;
  // A cursor of SCAN belongs to one node.
  for (const node of reader instanceof Cluster ? reader.nodes('master') : [reader]) {
    for (let cursor = '0'; ; ) {
      const [next, keys] = await node.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN);
      const ids = keys.map((key) => key.slice(key.lastIndexOf(':') + 1)).filter(isQueueId);
      if (ids.length > 0) yield ids;
      cursor = next;
      if (cursor === '0') break;
    }
  }
}

/** Messages that match, read one scan's worth at a time. `wanted` looks at the id before its record is read. */
export async function* messages(system: InspectedSystem, filter: QueueFilter, wanted: (id: QueueId) => boolean = () => true): AsyncGenerator<StoredMessage> {
  const ids = filter.id === undefined ? queueIds(system) : [[filter.id]];
  for await (const some of ids) {
    const young = some.filter((id) => (filter.before === undefined || timeOf(id) < filter.before) && wanted(id));
    const read = await Promise.all(young.map((id) => inspect(system, id)));
    for (const message of read) if (message && matches(message, filter)) yield message;
  }
}

/** Whether a message is one of those that the filter means; every criterion must hold. */
export function matches(message: StoredMessage, { id, sender, recipient, domain, before, state }: QueueFilter): boolean {
  const { envelope, receivedAt } = message.head;
  if (id !== undefined && message.id !== id) return false;
  if (before !== undefined && receivedAt >= before) return false;
  if (state !== undefined && messageState(message) !== state) return false;
  if (sender !== undefined && !same(envelope.reversePath, sender)) return false;
  if (recipient === undefined && domain === undefined) return true;
  return openAddresses(message).some(
    (address) => (recipient === undefined || same(address, recipient)) && (domain === undefined || same(address.slice(address.lastIndexOf('@') + 1), domain)),
  );
}

/** Whom it still has to reach: those that are open, and what the sender wrote for them. Who has it already is no reason to change what others wait for. */
function openAddresses({ head, expanded, recipients }: StoredMessage): readonly string[] {
  const open = recipients.filter(({ state }) => state !== 'done');
  const written = expanded ? new Set(open.map(({ of }) => of)) : null;
  return [...open, ...head.envelope.recipients.filter((_, index) => written?.has(index) ?? true)].map(({ address }) => address);
}

/** The entries of these messages in a mailbox, with their scores: one walk through it. */
export async function* entriesOf(
  system: InspectedSystem,
  shard: Shard,
  mailbox: string,
  ids: ReadonlySet<string>,
): AsyncGenerator<{ entry: string; score: number }> {
  const only = ids.size === 1 ? [...ids][0] : '';
  for (let cursor = '0'; ; ) {
    const [next, pairs] = await system.reader.zscan(`${shard.base}due:${mailbox}`, cursor, 'MATCH', `${only}*`, 'COUNT', SCAN);
    for (let i = 0; i + 1 < pairs.length; i += 2) {
      const entry = pairs[i] as string;
      if (ids.has(entry.slice(0, 25))) yield { entry, score: Number(pairs[i + 1]) };
    }
    cursor = next;
    if (cursor === '0') return;
  }
}

/**
 * When the open recipients of these messages are due, by id and number; a message that is not expanded has the number -1.
 * Each mailbox is walked through once, however many of the messages wait there.
 */
export async function dueOf(system: InspectedSystem, messages: readonly StoredMessage[]): Promise<ReadonlyMap<QueueId, ReadonlyMap<number, Due>>> {
  const due = new Map(messages.map(({ id }) => [id, new Map<number, Due>()]));
  for (const { shard, mailbox, ids } of placesOf(system, messages)) {
    const [until, job, handed] = await system.reader.hmget(`${shard.base}key:${mailbox}`, 'until', 'job', 'handed');
    for await (const { entry, score } of entriesOf(system, shard, mailbox, ids)) {
      const inHand = Boolean(job) && score <= Number(handed ?? 0);
      const at = { at: inHand ? null : score, ...(until ? { circuitUntil: Number(until) } : {}) };
      const { id, recipients, warning } = decodeWork(entry);
      if (warning) continue; // a DSN about a delay: its recipients wait elsewhere
      for (const number of recipients.length > 0 ? recipients : [-1]) due.get(id)?.set(number, at);
    }
  }
  return due;
}

/** A mailbox of one shard, and which of some messages wait there. */
export interface Place {
  readonly shard: Shard;
  readonly mailbox: string;
  readonly ids: ReadonlySet<QueueId>;
}

/** The mailboxes where recipients of these messages wait. A message that is not expanded waits at the router. */
export function placesOf(system: Pick<OpenActorSystem, 'shards'>, messages: readonly StoredMessage[]): readonly Place[] {
  const places = new Map<string, Place & { readonly ids: Set<QueueId> }>();
  for (const { id, expanded, recipients } of messages) {
    const shard = shardWith(system, id);
    if (!shard) continue;
    for (const mailbox of expanded ? recipients.filter(({ state }) => state !== 'done').map((each) => each.mailbox) : ['router']) {
      const name = shard.base + mailbox;
      const place = places.get(name) ?? { shard, mailbox, ids: new Set<QueueId>() };
      places.set(name, place);
      place.ids.add(id);
    }
  }
  return [...places.values()];
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
