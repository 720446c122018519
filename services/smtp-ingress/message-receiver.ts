// Takes the data of one message to its commit and its reply. Small messages are held and committed in one piece; larger ones flow to
// the spool as they come. Owns the content until the spool has it. Fails by reply: nothing is kept of a message refused.
import { endOfHeader, MAX_HEADER } from '#shared/mail/header.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import { SpoolFullError } from '#shared/spool/cold-store.ts';
import { SpoolUnavailableError } from '#shared/spool/spool.ts';
import { ContentQueue } from './content-queue.ts';
import type { Conversation, DataReceiver, Transaction } from './conversation.ts';
import { DataReader } from './data-reader.ts';
import { type Draft, draftMessage } from './message-draft.ts';

/** Why a stream of content to the spool ends early: refused, or its client left. */
class ContentAbandoned extends Error {
  override readonly name = 'ContentAbandoned';
}

/** Pieces of a small message held before they are put together. */
const MOST_PIECES = 128;

export class MessageReceiver implements DataReceiver {
  readonly #conversation: Conversation;
  readonly #transaction: Transaction;
  readonly #reader = new DataReader();
  readonly #sizeLimit: number;
  readonly #hotLimit: number;
  #held: Buffer[] = [];
  #size = 0;
  #ended = false;
  #refusal: ServerReply | null = null;
  #queue: ContentQueue | null = null;
  #commit: Promise<ServerReply> | null = null;

  constructor(conversation: Conversation, transaction: Transaction) {
    this.#conversation = conversation;
    this.#transaction = transaction;
    this.#sizeLimit = conversation.ingress.limits.message_size;
    this.#hotLimit = conversation.ingress.host.config().queue.hot_limit;
  }

  async feed(chunk: Buffer): Promise<Buffer | null> {
    const { content, rest } = this.#reader.feed(chunk);
    this.#size += content.length;
    if (this.#refusal === null) this.#judge();
    this.#conversation.working = true;
    if (this.#refusal === null) await this.#take(content);
    if (rest !== null) {
      this.#ended = true;
      this.#finish(await this.#outcome());
    }
    this.#conversation.working = false;
    return rest;
  }

  /** The client left, or the session was closed: what the spool has of it is taken back. Later than the end of data it does nothing. */
  abandon(): void {
    if (!this.#ended) this.#refuse(replies.timeout);
  }

  #judge(): void {
    // RFC 5321 section 2.3.8: we would have to pass it on. Read on to the end of data; there the session ends.
    if (this.#reader.fault !== null) this.#refuse(this.#reader.fault === 'nul' ? replies.nulInMessage : replies.bareNewline);
    // RFC 1870 section 6.3: the real size counts, whatever was declared.
    else if (this.#size > this.#sizeLimit) this.#refuse(fill(replies.tooBig, String(this.#sizeLimit)));
  }

  #refuse(reply: ServerReply): void {
    this.#refusal ??= reply;
    this.#held = [];
    this.#queue?.fail(new ContentAbandoned(reply.text));
  }

  async #take(content: Buffer): Promise<void> {
    if (this.#queue) return await this.#queue.push(content);
    this.#held.push(content);
    // Thousands of tiny pieces would take many times their size.
    if (this.#held.length >= MOST_PIECES) this.#held = [Buffer.concat(this.#held)];
    if (this.#size <= this.#hotLimit) return;
    const start = Buffer.concat(this.#held);
    this.#held = [start];
    // What we add depends on the header, so all of it is held before anything flows.
    if (endOfHeader(start) >= 0) await this.#flow(start);
    else if (start.length > MAX_HEADER) this.#refuse(replies.headerTooBig);
  }

  async #flow(start: Buffer): Promise<void> {
    const draft = draftMessage(this.#conversation, this.#transaction, start);
    if (draft.header.length > MAX_HEADER) return this.#refuse(replies.headerTooBig);
    const queue = new ContentQueue();
    this.#queue = queue;
    this.#held = [];
    // The spool may give up early, when it is full: the rest of the data is read and dropped, then this is its answer.
    this.#commit = this.#store(draft, queue).then((reply) => {
      if (reply.code >= 400) this.#refuse(reply);
      return reply;
    });
    await queue.push(Buffer.concat([draft.prefix, start]));
  }

  async #outcome(): Promise<ServerReply> {
    if (this.#queue) this.#queue.end();
    if (this.#commit) {
      const reply = await this.#commit;
      return this.#refusal ?? reply;
    }
    if (this.#refusal) return this.#refusal;
    const content = Buffer.concat(this.#held);
    this.#held = [];
    const draft = draftMessage(this.#conversation, this.#transaction, content);
    if (draft.header.length > MAX_HEADER) return replies.headerTooBig;
    return await this.#store(draft, Buffer.concat([draft.prefix, content]));
  }

  /** Commits; the 250 is true from here on (docs/operations.md). */
  async #store(draft: Draft, content: Buffer | ContentQueue): Promise<ServerReply> {
    const { ingress, listener } = this.#conversation;
    const { log, metrics, spool } = ingress.host;
    const commit = spool.commit(draft.message, content);
    ingress.commits.add(commit);
    try {
      const { size } = await commit;
      metrics.ingressMessages.inc({ listener: listener.name });
      metrics.ingressBytes.inc(size);
      log.info({ id: draft.message.id, size, ...draft.summary }, 'accepted');
      return fill(replies.queued, draft.message.id);
    } catch (error) {
      // We made the stream of content fail ourselves.
      if (this.#refusal) return this.#refusal;
      if (error instanceof SpoolFullError) return replies.spoolFull;
      if (error instanceof SpoolUnavailableError) return replies.spoolUnavailable;
      log.error({ err: error, id: draft.message.id }, 'commit failed');
      return replies.internalError;
    } finally {
      ingress.commits.delete(commit);
    }
  }

  #finish(reply: ServerReply): void {
    const conversation = this.#conversation;
    if (reply.code >= 400) {
      const { reversePath, recipients, span } = this.#transaction;
      span.end(reply.wire.trim());
      conversation.ingress.host.log.info(
        { client: conversation.client, from: reversePath, recipients: recipients.size, size: this.#size, reply: reply.wire.trim() },
        'rejected',
      );
    }
    // Client and we disagree on what ends a line, so what comes behind may be content to the client: nothing of it is a command.
    if (this.#reader.fault !== null) conversation.hangUp();
    conversation.endData(reply);
  }
}
