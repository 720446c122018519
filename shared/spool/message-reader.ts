// What a wake-up leads to: the record as an actor works on it, and the content. A wake-up that has nothing to wake is taken away here.
// Owns the heads of large messages that it keeps. What can fail: the stores; content that is nowhere is an alarm.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { mailboxName } from '#shared/actor/keys.ts';
import type { Mailbox } from '#shared/protocol/topology.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { decodeHead, decodeRecipients } from './codec.ts';
import { type ColdStore, type Content, ContentMissingError } from './cold-store.ts';
import type { MessageShards } from './message-shards.ts';
import type { QueueId } from './queue-id.ts';
import type { ContentPlace, MessageHead, Recipient } from './record.ts';
import { type Fields, RecordReader } from './record-reader.ts';
import { spoolScripts } from './scripts.ts';
import type { MessageView, Work } from './spool.ts';
import { isWaiting } from './transitions.ts';
import { encodeRanges, encodeWork } from './work.ts';

/** Bytes above which a decoded head is kept, and how many are. */
const LARGE_HEAD = 16_384;
const LARGE_HEADS = 16;

export interface MessageReaderParts {
  readonly system: Pick<OpenActorSystem, 'reader'>;
  readonly shards: MessageShards;
  readonly cold: ColdStore;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Goes on with an expansion that its router did not finish (expansion.ts). */
  readonly tellOn: (id: QueueId) => Promise<void>;
}

export class MessageReader {
  readonly #parts: MessageReaderParts;
  readonly #records: RecordReader;
  readonly #heads = new Map<QueueId, MessageHead>();

  constructor(parts: MessageReaderParts) {
    this.#parts = parts;
    this.#records = new RecordReader(parts.system.reader);
  }

  /** As `Spool.read`. */
  async read(work: Work, mailbox: Mailbox): Promise<MessageView | null> {
    const { shards, tellOn } = this.#parts;
    const name = mailboxName(mailbox);
    const known = this.#heads.get(work.id);
    const numbers = encodeRanges(work.recipients);
    const asked = this.#records.read(shards.of(work.id), work.id, numbers, fieldsOf(work, mailbox, !known));
    const [stored, location, expanded, held, content, open, ...rows] = await asked;
    // Before anything else is made of it: a record that is too new may look as if it had nothing to wake.
    const head = stored && (known ?? this.#decode(work.id, stored));
    if (head && mailbox.role === 'router' && expanded) {
      await tellOn(work.id);
      return null;
    }
    const recipients = head ? recipientsOf(work, rows).filter((each) => isWaiting(each, name, work.warning)) : [];
    if (!head || (work.recipients.length > 0 && recipients.length === 0)) {
      await shards.submit(work.id, spoolScripts.drop, [name, encodeWork(work), work.id, numbers]);
      return null;
    }
    if (held && (await shards.submit(work.id, spoolScripts.park, [name, encodeWork(work), work.id])) === 1) return null;
    const place: ContentPlace = location ? { tier: 'cold', location: location.toString() } : { tier: 'hot', ...(content ? { content } : {}) };
    return { id: work.id, work, mailbox, head, place, open: Number(open), recipients };
  }

  /** The head of a message with thousands of recipients is read once and not for each destination anew: it never changes. */
  #decode(id: QueueId, text: Buffer): MessageHead {
    const head = decodeHead(text.toString());
    if (text.length > LARGE_HEAD) {
      this.#heads.set(id, head);
      if (this.#heads.size > LARGE_HEADS) this.#heads.delete(this.#heads.keys().next().value as QueueId);
    }
    return head;
  }

  /** As `Spool.content`. */
  async content(view: Pick<MessageView, 'id' | 'place'>): Promise<Content> {
    const { system, shards, cold } = this.#parts;
    if (view.place.tier === 'hot') {
      const hot = view.place.content ?? (await system.reader.hgetBuffer(shards.key(view.id), 'c'));
      if (hot) return hot;
    }
    // It may have moved to the cold tier since the record was read.
    const location = (await system.reader.hget(shards.key(view.id), 'l')) ?? (view.place.tier === 'cold' ? view.place.location : null);
    if (!location) return this.#missing(view.id);
    return cold.read(location).catch((error: Error) => (error instanceof ContentMissingError ? this.#missing(view.id, error.message) : Promise.reject(error)));
  }

  /** `why`: what the cold tier found instead, which may be a damaged disk. */
  #missing(id: QueueId, why = 'content is in neither tier'): never {
    const { metrics, log } = this.#parts;
    metrics.contentMissing.inc();
    log.error({ id, why }, 'content cannot be had');
    throw new ContentMissingError(`content of ${id}: ${why}`);
  }
}

/**
 * Head (or, where it is known, the size, which shows that the record is there), place, expanded, held, content where it is delivered, open;
 * for a warning, whether it is owed for each; the first recipient.
 */
function fieldsOf(work: Work, { role }: Mailbox, withHead: boolean): readonly string[] {
  const withContent = role === 'remote-delivery' || role === 'local-mailbox';
  const fields = [withHead ? 'e' : 's', 'l', 'x', 'h', withContent ? 'c' : '-', 'o'];
  if (work.warning) for (const number of work.recipients) fields.push(`w${number}`);
  if (work.recipients.length > 0) fields.push(`r${work.recipients[0]}`);
  return fields;
}

/** The recipients of this work that are there, in order; for a warning, those for whom it is owed. */
function recipientsOf(work: Work, rows: Fields): Recipient[] {
  const [first, ...others] = work.warning ? rows.slice(work.recipients.length) : rows;
  const found = first ? decodeRecipients(work.recipients[0] as number, first.toString()) : [];
  if (others.length === 0 && !work.warning) return found;
  for (let i = 0; i < others.length; i += 2) found.push(...decodeRecipients(Number(others[i]), String(others[i + 1])));
  const asked = new Set(work.warning ? work.recipients.filter((_, i) => rows[i]) : work.recipients);
  return found.filter(({ number }) => asked.delete(number)).sort((a, b) => a.number - b.number);
}
