// One mail transaction (RFC 5321 section 3.3): MAIL, RCPT and DATA in one write where the next hop pipelines (RFC 2920),
// content, the final dot, and in the write that ends it the commands of the transaction that follows. It owns the state of the
// transaction and ends in one outcome per recipient, whatever happens.

import { isAscii } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import { DotStuffer, LONE_DOT } from '#shared/smtp/dot-stuffing.ts';
import type { AttemptFacts, Delayed, Failed, Reply } from '#shared/smtp/outcome.ts';
import type { Channel, Receiver } from './channel.ts';
import { mailCommand, rcptCommand } from './commands.ts';
import { CONTENT_FAILURES, ContentGuard } from './content-guard.ts';
import type { Capabilities } from './ehlo.ts';
import { type Loss, laterOutcome, losses, lossOutcome, replyOutcome } from './loss.ts';
import type { RecipientResult, Session, Timeouts, TransactionRequest, TransactionResult } from './request.ts';

/** Content up to this goes in one write with its final dot: an empty socket buffer surely takes it whole. */
const ONE_WRITE = 16_384;

type Stage = 'reset' | 'mail' | 'rcpt' | 'data' | 'content' | 'final' | 'over';

/** A transaction's turn on its connection. */
export interface Turn {
  /** The transaction that waits to follow this one, if there is one. */
  follower(): Transaction | null;
  /** Called once, at the end; from then on the connection is the follower's. */
  ended(result: TransactionResult): void;
  /** Called once instead when the content could not be read; the connection is lost. */
  broke(reason: unknown): void;
}

export class Transaction implements Receiver {
  readonly #channel: Channel;
  readonly #request: TransactionRequest;
  readonly #facts: AttemptFacts;
  readonly #offered: Capabilities;
  readonly #timeouts: Timeouts;
  readonly #turn: Turn;
  readonly #results: (RecipientResult | undefined)[];
  readonly #guard: ContentGuard | null;
  #stage: Stage = 'mail';
  #rcpt = 0;
  #accepted = 0;
  #committed = false;
  #mailAccepted = false;
  /** Our commands went with the end of the transaction before this one. */
  #announced = false;

  /** In a session that is, or will be, between transactions. */
  constructor(session: Session, request: TransactionRequest, turn: Turn) {
    const { offered } = session;
    this.#channel = session.channel;
    this.#facts = session.facts;
    this.#offered = offered;
    this.#timeouts = session.timeouts;
    this.#request = request;
    this.#turn = turn;
    this.#results = new Array(request.recipients.length);
    const rules = { sevenBit: !offered.eightBitMime, asciiHeader: request.smtputf8 && !offered.smtpUtf8 };
    this.#guard = rules.sevenBit || rules.asciiHeader ? new ContentGuard(rules) : null;
  }

  /** True when its end goes in one write, which has room for the commands of a follower. */
  get isShort(): boolean {
    const { content } = this.#request;
    return this.#offered.pipelining && Buffer.isBuffer(content) && content.length <= ONE_WRITE;
  }

  /** Its commands, to be sent with the content of the transaction before it (RFC 2920 section 3.1 allows that group); empty when it cannot begin so. */
  announce(): string {
    if (!this.#offered.pipelining || this.#refusedContent()) return '';
    this.#announced = true;
    return this.#group(false);
  }

  /** Begins, when its turn has come; `reset`: the one before left something behind. */
  start(reset: boolean): void {
    const { content } = this.#request;
    // A stream may fail before it is read: reading it tells, and an error nobody hears ends the process.
    if (!Buffer.isBuffer(content)) content.on('error', () => {});
    const refusal = this.#announced ? null : this.#refusedContent();
    if (refusal) {
      this.#settleRest({ kind: 'failed', ...CONTENT_FAILURES[refusal], ...this.#facts });
      this.#finish(null, reset);
      return;
    }
    this.#stage = reset ? 'reset' : 'mail';
    this.#channel.receive(this);
    this.#channel.expectWithin(this.#timeouts.command, 'MAIL');
    if (!this.#announced) this.#channel.write(this.#group(reset));
  }

  #refusedContent(): ReturnType<ContentGuard['check']> {
    const { content } = this.#request;
    return (Buffer.isBuffer(content) && this.#guard?.check(content)) || null;
  }

  /** RFC 2920 section 3.1: DATA may end a group, and what comes before it need not wait. */
  #group(reset: boolean): string {
    const first = reset ? 'RSET\r\n' : this.#mail();
    return this.#offered.pipelining ? `${first}${reset ? this.#mail() : ''}${this.#allRcpts()}DATA\r\n` : first;
  }

  onReply(reply: Reply): void {
    if (this.#stage !== 'final') this.#channel.expectWithin(this.#timeouts.command, 'the mail transaction');
    if (reply.code === 421) this.#onClosing(reply);
    else this.#step(reply);
  }

  onLoss(loss: Loss): void {
    this.#settleRest(lossOutcome(this.#facts, loss, 'recipient', this.#committed));
    this.#finish(loss, false);
  }

  #step(reply: Reply): void {
    switch (this.#stage) {
      case 'reset':
        this.#stage = 'mail';
        if (!this.#offered.pipelining) this.#channel.write(this.#mail());
        return;
      case 'mail':
        return this.#onMail(reply);
      case 'rcpt':
        return this.#onRcpt(reply);
      case 'data':
        return this.#onData(reply);
      case 'content':
        return this.#onEarlyReply(reply);
      case 'final':
        return this.#onFinal(reply);
      case 'over':
        return;
    }
  }

  #onMail(reply: Reply): void {
    this.#mailAccepted = isSuccess(reply);
    if (!this.#mailAccepted) this.#settleRest(this.#refusal(reply, 'MAIL'));
    this.#stage = 'rcpt';
    if (this.#offered.pipelining) return;
    if (this.#mailAccepted) this.#channel.write(this.#rcptLine(0));
    else this.#finish(null, false);
  }

  #onRcpt(reply: Reply): void {
    const index = this.#rcpt++;
    if (this.#results[index] === undefined && !isSuccess(reply)) this.#results[index] = this.#rcptRefusal(reply);
    else if (this.#results[index] === undefined) this.#accepted++;
    const last = this.#rcpt === this.#request.recipients.length;
    if (last) this.#stage = 'data';
    if (this.#offered.pipelining) return;
    if (!last) this.#channel.write(this.#rcptLine(this.#rcpt));
    else if (this.#accepted > 0) this.#channel.write('DATA\r\n');
    else this.#finish(null, true);
  }

  #onData(reply: Reply): void {
    if (reply.code < 400 && reply.code !== 354) {
      this.#settleRest(this.#refusal(reply, 'DATA'));
      this.#abort(losses.garbage(`${reply.code} in reply to DATA`));
    } else if (reply.code !== 354) {
      this.#settleRest(this.#refusal(reply, 'DATA'));
      this.#finish(null, this.#mailAccepted);
    } else if (this.#accepted > 0) {
      this.#sendContent();
    } else {
      // RFC 2920 section 3.1: nobody to send to, and yet it waits for content.
      this.#stage = 'final';
      this.#channel.writeBytes(LONE_DOT);
    }
  }

  /** A refusal before the final dot: half a message cannot be taken back, so the connection goes. */
  #onEarlyReply(reply: Reply): void {
    this.#settleRest(this.#refusal(reply, 'content'));
    this.#abort(losses.aborted('refused within the content'));
  }

  #onFinal(reply: Reply): void {
    const relayed = isSuccess(reply);
    this.#settleRest(relayed ? { kind: 'relayed', dsnHonoured: this.#offered.dsn, ...this.#facts, reply } : this.#refusal(reply, 'the end of DATA'));
    this.#finish(null, false);
  }

  /** RFC 5321 section 3.8: 421 at any time, and the connection closes. */
  #onClosing(reply: Reply): void {
    this.#settleRest(replyOutcome(this.#facts, reply, 'recipient', 'the mail transaction'));
    this.#abort(losses.closed('it said 421'));
  }

  #sendContent(): void {
    const { content } = this.#request;
    this.#stage = 'content';
    const sending = Buffer.isBuffer(content) ? this.#sendBuffer(content) : this.#sendStream(content);
    sending?.catch((error: unknown) => {
      this.#stage = 'over';
      this.#channel.lose(losses.aborted('the content could not be read'));
      this.#turn.broke(error);
    });
  }

  #sendBuffer(content: Buffer): Promise<void> | null {
    const stuffer = new DotStuffer();
    const bytes = stuffer.push(content);
    if (bytes.length <= ONE_WRITE) {
      if (this.#commits()) this.#channel.writeTogether(bytes, stuffer.end(), this.#turn.follower()?.announce() ?? '');
      return null;
    }
    const flushed = this.#channel.writeBytes(bytes);
    if (!flushed) return this.#channel.flushed().then(() => this.#sendEnd(stuffer));
    this.#sendEnd(stuffer);
    return null;
  }

  async #sendStream(content: Readable): Promise<void> {
    const stuffer = new DotStuffer();
    for await (const chunk of content as AsyncIterable<Buffer>) {
      const refusal = this.#guard?.check(chunk);
      if (refusal) {
        this.#settleRest({ kind: 'failed', ...CONTENT_FAILURES[refusal], ...this.#facts });
        this.#abort(losses.aborted('the content may not go there'));
      }
      if (this.#stage !== 'content') return;
      this.#channel.expectWithin(this.#timeouts.command, 'a block of content');
      if (!this.#channel.writeBytes(stuffer.push(chunk))) await this.#channel.flushed();
    }
    this.#sendEnd(stuffer);
  }

  #sendEnd(stuffer: DotStuffer): void {
    if (this.#commits()) this.#channel.writeBytes(stuffer.end());
  }

  /** From here on the next hop may have the message. */
  #commits(): boolean {
    if (this.#stage !== 'content') return false;
    if (!this.#request.mayCommit()) {
      this.#abort(losses.aborted('the lease ended before the final dot'));
      return false;
    }
    this.#stage = 'final';
    this.#committed = true;
    this.#channel.expectWithin(this.#timeouts.data, 'the end of DATA');
    return true;
  }

  #abort(loss: Loss): void {
    this.#channel.lose(loss);
    // A refused transaction ends here; one that was lost has ended in onLoss.
    this.#finish(loss, false);
  }

  #settleRest(result: RecipientResult): void {
    for (let index = 0; index < this.#results.length; index++) this.#results[index] ??= result;
  }

  #finish(loss: Loss | null, needsReset: boolean): void {
    if (this.#stage === 'over') return;
    this.#stage = 'over';
    this.#channel.receive(null);
    if (!this.#committed && !Buffer.isBuffer(this.#request.content)) this.#request.content.destroy();
    this.#turn.ended({ results: this.#results as readonly RecipientResult[], loss, committed: this.#committed, needsReset });
  }

  #rcptRefusal(reply: Reply): RecipientResult {
    const tooMany = reply.code === 452 || reply.code === 552;
    if (tooMany && this.#accepted > 0 && (reply.enhanced === undefined || reply.enhanced.endsWith('.5.3'))) return { kind: 'next-transaction' };
    // RFC 5321 section 4.5.3.1.10: 552 in reply to RCPT is read as 452.
    return reply.code === 552 ? laterOutcome(this.#facts, reply, 'recipient', 'RCPT') : this.#refusal(reply, 'RCPT');
  }

  /** What is neither success nor 4yz nor 5yz here is a server that has lost its way: later, elsewhere. */
  #refusal(reply: Reply, during: string): Delayed | Failed {
    return replyOutcome(this.#facts, reply.code >= 400 ? reply : { ...reply, code: 451 }, 'recipient', during);
  }

  #mail(): string {
    const { content, body } = this.#request;
    return mailCommand(this.#request, this.#offered, body === '8bitmime' || !Buffer.isBuffer(content) || !isAscii(content));
  }

  #allRcpts(): string {
    let lines = '';
    for (let index = 0; index < this.#request.recipients.length; index++) lines += this.#rcptLine(index);
    return lines;
  }

  #rcptLine(index: number): string {
    return rcptCommand(this.#request.recipients[index] as EnvelopeRecipient, this.#offered);
  }
}

function isSuccess(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300;
}
