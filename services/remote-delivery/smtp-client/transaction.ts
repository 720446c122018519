// One mail transaction (RFC 5321 section 3.3): MAIL, RCPT and DATA in one write where the next hop pipelines (RFC 2920),
// content, the final dot, and in the write that ends it the commands of the transaction that follows. It owns its turn on the
// connection and ends in one outcome per recipient, whatever happens.
import { LONE_DOT } from '#shared/smtp/dot-stuffing.ts';
import type { Reply } from '#shared/smtp/outcome.ts';
import type { Receiver } from './channel.ts';
import { CommandGroup, DATA } from './command-group.ts';
import { CONTENT_FAILURES, type ContentFailure, type ContentGuard, guardFor } from './content-guard.ts';
import { type ContentOwner, ONE_WRITE, sendContent } from './content-sending.ts';
import { type Loss, losses } from './loss.ts';
import { Progress, type Step } from './progress.ts';
import type { Session, TransactionRequest, TransactionResult } from './request.ts';

/** A transaction's turn on its connection. */
export interface Turn {
  /** The transaction that waits to follow this one, if there is one. */
  follower(): Transaction | null;
  /** Called once, at the end; from then on the connection is the follower's. */
  ended(result: TransactionResult): void;
  /** Called once instead when the content could not be read; the connection is lost. */
  broke(reason: unknown): void;
}

export class Transaction implements Receiver, ContentOwner {
  readonly #session: Session;
  readonly #request: TransactionRequest;
  readonly #turn: Turn;
  readonly #progress: Progress;
  readonly #commands: CommandGroup;
  readonly #guard: ContentGuard | null;
  /** Our commands went with the end of the transaction before this one. */
  #announced = false;

  /** In a session that is, or will be, between transactions. */
  constructor(session: Session, request: TransactionRequest, turn: Turn) {
    this.#session = session;
    this.#request = request;
    this.#turn = turn;
    this.#progress = new Progress(session, request.recipients.length);
    this.#commands = new CommandGroup(request, session.offered);
    this.#guard = guardFor(request, session.offered);
  }

  /** True when its end goes in one write, which has room for the commands of a follower. */
  get isShort(): boolean {
    const { content } = this.#request;
    return this.#session.offered.pipelining && Buffer.isBuffer(content) && content.length <= ONE_WRITE;
  }

  /** Its commands, to be sent with the content of the transaction before it (RFC 2920 section 3.1 allows that group); empty when it cannot begin so. */
  announce(): string {
    if (!this.#session.offered.pipelining || this.#refusedContent()) return '';
    this.#announced = true;
    return this.#commands.first(false);
  }

  /** Begins, when its turn has come; `reset`: the one before left something behind. */
  start(reset: boolean): void {
    const { content } = this.#request;
    const { channel, timeouts } = this.#session;
    // A stream may fail before it is read: reading it tells, and an error nobody hears ends the process.
    if (!Buffer.isBuffer(content)) content.on('error', () => {});
    const refusal = this.#announced ? null : this.#refusedContent();
    if (refusal) {
      this.#settleUnsuited(refusal);
      this.#finish(null, reset);
      return;
    }
    this.#progress.begin(reset);
    channel.receive(this);
    channel.expectWithin(timeouts.command, 'MAIL');
    if (!this.#announced) channel.write(this.#commands.first(reset));
  }

  onReply(reply: Reply): void {
    if (!this.#progress.awaitsFinal) this.#session.channel.expectWithin(this.#session.timeouts.command, 'the mail transaction');
    this.#proceed(this.#progress.take(reply));
  }

  onLoss(loss: Loss): void {
    this.#progress.lost(loss);
    this.#finish(loss, false);
  }

  #proceed(step: Step): void {
    const { channel } = this.#session;
    switch (step) {
      case 'wait':
        return;
      case 'mail':
        return channel.write(this.#commands.mail());
      case 'rcpt':
        return channel.write(this.#commands.rcpt(this.#progress.recipient));
      case 'data':
        return channel.write(DATA);
      case 'content':
        return this.#sendContent();
      case 'empty':
        return void channel.writeBytes(LONE_DOT);
      case 'clean':
      case 'unclean':
        return this.#finish(null, step === 'unclean');
      default:
        return this.#abort(step);
    }
  }

  #sendContent(): void {
    const { channel } = this.#session;
    sendContent(channel, this.#request.content, this)?.catch((error: unknown) => {
      this.#progress.end();
      channel.lose(losses.aborted('the content could not be read'));
      this.#turn.broke(error);
    });
  }

  takes(chunk: Buffer): boolean {
    const refusal = this.#guard?.check(chunk);
    if (refusal) {
      this.#settleUnsuited(refusal);
      this.#abort(losses.aborted('the content may not go there'));
    }
    if (!this.#progress.takesContent) return false;
    this.#session.channel.expectWithin(this.#session.timeouts.command, 'a block of content');
    return true;
  }

  /** From here on the next hop may have the message. */
  commits(): boolean {
    if (!this.#progress.takesContent) return false;
    if (!this.#request.mayCommit()) {
      this.#abort(losses.aborted('the lease ended before the final dot'));
      return false;
    }
    this.#progress.commit();
    this.#session.channel.expectWithin(this.#session.timeouts.data, 'the end of DATA');
    return true;
  }

  following(): string {
    return this.#turn.follower()?.announce() ?? '';
  }

  #refusedContent(): ContentFailure | null {
    const { content } = this.#request;
    return (Buffer.isBuffer(content) && this.#guard?.check(content)) || null;
  }

  #settleUnsuited(failure: ContentFailure): void {
    this.#progress.settleRest({ kind: 'failed', ...CONTENT_FAILURES[failure], ...this.#session.facts });
  }

  #abort(loss: Loss): void {
    this.#session.channel.lose(loss);
    // A refused transaction ends here; one that was lost has ended in onLoss.
    this.#finish(loss, false);
  }

  #finish(loss: Loss | null, needsReset: boolean): void {
    if (this.#progress.isOver) return;
    this.#progress.end();
    this.#session.channel.receive(null);
    const { results, committed } = this.#progress;
    if (!committed && !Buffer.isBuffer(this.#request.content)) this.#request.content.destroy();
    this.#turn.ended({ results, loss, committed, needsReset });
  }
}
