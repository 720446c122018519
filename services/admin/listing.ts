// Pages of the queue: a scan of all records that keeps the newest or oldest of those that match. Nothing is kept between pages:
// the cursor is the last id, so a message that comes or goes moves no other. Time is bounded.
import type { QueuedMessage, QueuedRecipient } from '#shared/protocol/admin-api.ts';
import { type Due, dueOf, type messages as Messages, messageState, messages, type QueueFilter, type StoredMessage } from '#shared/spool/inspect.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Operations } from './operations.ts';

export interface Page {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  readonly cursor?: QueueId | undefined;
}

/** Milliseconds that one page may scan. */
const PATIENCE = 20_000;

export async function listQueue({ system, clock }: Operations, filter: QueueFilter, { order, limit, cursor }: Page) {
  const deadline = clock.monotonic() + PATIENCE;
  // Whether `a` comes before `b` on the page.
  const before = (a: QueueId, b: QueueId) => (order === 'newest' ? byTime(a) > byTime(b) : byTime(a) < byTime(b));
  let kept: StoredMessage[] = [];
  let last: QueueId | undefined;
  let complete = true;
  const prune = () => {
    const unique = new Map(kept.map((message) => [message.id, message]));
    kept = [...unique.values()].sort((a, b) => (before(a.id, b.id) ? -1 : 1)).slice(0, limit + 1);
    if (kept.length > limit) last = kept.at(-1)?.id;
  };
  const wanted = (id: QueueId) => (cursor === undefined || before(cursor, id)) && (last === undefined || before(id, last));
  for await (const message of messages(system, filter, wanted)) {
    kept.push(message);
    if (kept.length >= limit * 2 + 100) prune();
    complete = clock.monotonic() < deadline;
    if (!complete) break;
  }
  prune();
  const page = kept.slice(0, limit);
  return { messages: await describe(system, page), cursor: kept.length > limit ? (page.at(-1)?.id ?? null) : null, complete };
}

/** Messages as the API shows them, each with when its recipients are due. */
export async function describe(system: Parameters<typeof Messages>[0], page: readonly StoredMessage[]): Promise<readonly QueuedMessage[]> {
  const due = await dueOf(system, page);
  return page.map((message) => described(message, due.get(message.id) ?? new Map()));
}

function described(message: StoredMessage, due: ReadonlyMap<number, Due>): QueuedMessage {
  const { id, head, tier, recipients } = message;
  const { envelope, receivedAt, size, messageId } = head;
  const whole = due.get(-1);
  return {
    id,
    state: messageState(message),
    receivedAt,
    sender: envelope.reversePath,
    envelopeRecipients: envelope.recipients.map(({ address }) => address),
    size,
    ...(messageId === undefined ? {} : { messageId }),
    tier,
    recipients: recipients.map((recipient): QueuedRecipient => {
      const { number, address, of, state, transport, domain, rule, mailbox, attempts, last } = recipient;
      const next = state === 'done' ? undefined : due.get(number);
      return {
        ...{ number, address, original: envelope.recipients[of]?.address ?? '', state, transport, domain, rule, mailbox, attempts },
        ...(last ? { last } : {}),
        ...(next ? { due: next.at } : {}),
        ...(next?.circuitUntil === undefined ? {} : { circuitUntil: next.circuitUntil }),
      };
    }),
    ...(whole ? { due: whole.at } : {}),
  };
}

/** Without the shard, which stands first, ids sort by time. */
function byTime(id: QueueId): string {
  return id.slice(1) + id[0];
}
