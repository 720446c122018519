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
import { type ContentPlace, type MessageHead, type Recipient, SHARED } from './record.ts';
import { type Fields, RecordReader } from './record-reader.ts';
import { spoolScripts } from './scripts.ts';
import type { MessageView, Work } from './spool.ts';
import { isWaiting } from './transitions.ts';
import { encodeRanges, encodeWork } from './work.ts';

/** Bytes above which a decoded head is kept, and how many are. */
const LARGE_HEAD = 16_384;
const LARGE_HEADS = 16;

/** A record as far as an actor works on it; without a head there is none. */
interface Seen extends Pick<MessageView, 'place' | 'open' | 'recipients'> {
  readonly head: MessageHead | null;
  readonly expanded: unknown;
  readonly held: unknown;
}

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

  /** As `Spool.read`. `again`: what these recipients shared with others has been taken apart. */
  async read(work: Work, mailbox: Mailbox, again = false): Promise<MessageView | null> {
    const { shards } = this.#parts;
    const { id } = work;
    const { head, expanded, held, ...seen } = await this.#see(work, mailbox);
    if (head && mailbox.role === 'router' && expanded) {
      await this.#parts.tellOn(id);
      return null;
    }
    const recipients = seen.recipients.filter((each) => isWaiting(each, mailboxName(mailbox), work.warning));
    if (!head || (work.recipients.length > 0 && recipients.length === 0)) {
      const dropped = await shards.submit(id, spoolScripts.drop, [mailboxName(mailbox), encodeWork(work), id, encodeRanges(work.recipients)]);
      return dropped === 1 || again ? null : this.read(work, mailbox, true);
    }
    if (held && (await shards.submit(id, spoolScripts.park, [mailboxName(mailbox), encodeWork(work), id])) === 1) return null;
    return { id, work, mailbox, head, place: seen.place, open: seen.open, recipients };
  }

  /** Recipients that a wake-up names mostly share the field of the first; where they do not, each is asked for. */
  async #see(work: Work, mailbox: Mailbox): Promise<Seen> {
    const { recipients: asked } = work;
    const seen = await this.#look(work, mailbox, asked.length > SHARED ? asked : asked.slice(0, 1));
    return seen.head && seen.recipients.length < asked.length ? this.#look(work, mailbox, asked) : seen;
  }

  async #look(work: Work, mailbox: Mailbox, fields: readonly number[]): Promise<Seen> {
    const known = this.#heads.get(work.id);
    const names = fieldsOf(work, mailbox, !known, fields);
    const [stored = null, location, expanded, held, content, open, ...rows] = await this.#records.read(this.#parts.shards.of(work.id), work.id, names);
    // Before anything else is made of it: a record that is too new may look as if it had nothing to wake.
    const head = stored ? (known ?? this.#decode(work.id, stored)) : null;
    const place: ContentPlace = location ? { tier: 'cold', location: location.toString() } : { tier: 'hot', ...(content ? { content } : {}) };
    return { head, place, expanded, held, open: Number(open), recipients: head ? recipientsOf(work, fields, rows) : [] };
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

/** Head (or, where it is known, the size, which shows that the record is there), place, expanded, held, content where it is delivered, open, recipients. */
function fieldsOf(work: Work, { role }: Mailbox, withHead: boolean, recipients: readonly number[]): readonly string[] {
  const withContent = role === 'remote-delivery' || role === 'local-mailbox';
  const fields = [withHead ? 'e' : 's', 'l', 'x', 'h', withContent ? 'c' : '-', 'o'];
  for (const number of recipients) fields.push(`r${number}`);
  if (work.warning) for (const number of work.recipients) fields.push(`w${number}`);
  return fields;
}

/** Those of this work that are in these fields; for a warning, those for whom it is owed. */
function recipientsOf({ recipients: asked, warning }: Work, fields: readonly number[], rows: Fields): readonly Recipient[] {
  const found = fields.flatMap((number, i) => (rows[i] ? decodeRecipients(number, rows[i].toString()) : []));
  if (!warning && found.length === asked.length && found.every(({ number }, i) => number === asked[i])) return found;
  const wanted = new Set(warning ? asked.filter((_, i) => rows[fields.length + i]) : asked);
  return found.filter(({ number }) => wanted.has(number));
}
