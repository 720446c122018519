// How far a mail transaction has come (RFC 5321 section 3.3): each reply leads to the next step, and to outcomes of recipients.
// Owns the stage and the outcomes; sends nothing. Whatever a next hop replies, it ends.
import type { AttemptFacts, Delayed, Failed, Reply } from '#shared/smtp/outcome.ts';
import { type Loss, laterOutcome, losses, lossOutcome, replyOutcome } from './loss.ts';
import type { RecipientResult, Session } from './request.ts';

type Stage = 'reset' | 'mail' | 'rcpt' | 'data' | 'content' | 'final' | 'over';

/**
 * What is to be done after a reply: nothing, for more replies are due; send that command, or content, or (`empty`) content for nobody;
 * end, and leave the session clean or to be reset; or, with a loss, give the connection up.
 */
export type Step = 'wait' | 'mail' | 'rcpt' | 'data' | 'content' | 'empty' | 'clean' | 'unclean' | Loss;

export class Progress {
  readonly #facts: AttemptFacts;
  /** Commands went in one group, so a reply asks for no next one (RFC 2920). */
  readonly #pipelining: boolean;
  readonly #dsn: boolean;
  readonly #results: (RecipientResult | undefined)[];
  #stage: Stage = 'mail';
  #rcpt = 0;
  #accepted = 0;
  #committed = false;
  #mailAccepted = false;

  constructor({ facts, offered }: Pick<Session, 'facts' | 'offered'>, recipients: number) {
    this.#facts = facts;
    this.#pipelining = offered.pipelining;
    this.#dsn = offered.dsn;
    this.#results = new Array(recipients);
  }

  /** Whole once it is over. */
  get results(): readonly RecipientResult[] {
    return this.#results as readonly RecipientResult[];
  }

  get isOver(): boolean {
    return this.#stage === 'over';
  }

  /** While content may be sent. */
  get takesContent(): boolean {
    return this.#stage === 'content';
  }

  /** The final dot was sent: it has a time of its own to be answered in. */
  get awaitsFinal(): boolean {
    return this.#stage === 'final';
  }

  /** The next hop may have the message. */
  get committed(): boolean {
    return this.#committed;
  }

  /** The recipient whose RCPT is to be answered next. */
  get recipient(): number {
    return this.#rcpt;
  }

  begin(reset: boolean): void {
    this.#stage = reset ? 'reset' : 'mail';
  }

  /** The final dot is about to be sent. */
  commit(): void {
    this.#stage = 'final';
    this.#committed = true;
  }

  end(): void {
    this.#stage = 'over';
  }

  /** The connection is gone: who has no outcome yet has this one. */
  lost(loss: Loss): void {
    this.settleRest(lossOutcome(this.#facts, loss, 'recipient', this.#committed));
  }

  settleRest(result: RecipientResult): void {
    for (let index = 0; index < this.#results.length; index++) this.#results[index] ??= result;
  }

  take(reply: Reply): Step {
    // RFC 5321 section 3.8: 421 at any time, and the connection closes.
    if (reply.code === 421) {
      this.settleRest(replyOutcome(this.#facts, reply, 'recipient', 'the mail transaction'));
      return losses.closed('it said 421');
    }
    switch (this.#stage) {
      case 'reset':
        this.#stage = 'mail';
        return this.#pipelining ? 'wait' : 'mail';
      case 'mail':
        return this.#onMail(reply);
      case 'rcpt':
        return this.#onRcpt(reply);
      case 'data':
        return this.#onData(reply);
      case 'content':
        // Half a message cannot be taken back, so the connection goes.
        this.settleRest(this.#refusal(reply, 'content'));
        return losses.aborted('refused within the content');
      case 'final':
        return this.#onFinal(reply);
      case 'over':
        return 'wait';
    }
  }

  #onMail(reply: Reply): Step {
    this.#mailAccepted = isSuccess(reply);
    if (!this.#mailAccepted) this.settleRest(this.#refusal(reply, 'MAIL'));
    this.#stage = 'rcpt';
    if (this.#pipelining) return 'wait';
    return this.#mailAccepted ? 'rcpt' : 'clean';
  }

  #onRcpt(reply: Reply): Step {
    const index = this.#rcpt++;
    if (this.#results[index] === undefined && !isSuccess(reply)) this.#results[index] = this.#rcptRefusal(reply);
    else if (this.#results[index] === undefined) this.#accepted++;
    const last = this.#rcpt === this.#results.length;
    if (last) this.#stage = 'data';
    if (this.#pipelining) return 'wait';
    if (!last) return 'rcpt';
    return this.#accepted > 0 ? 'data' : 'unclean';
  }

  #onData(reply: Reply): Step {
    if (reply.code !== 354) {
      this.settleRest(this.#refusal(reply, 'DATA'));
      if (reply.code < 400) return losses.garbage(`${reply.code} in reply to DATA`);
      return this.#mailAccepted ? 'unclean' : 'clean';
    }
    this.#stage = this.#accepted > 0 ? 'content' : 'final';
    // RFC 2920 section 3.1: nobody to send to, and yet it waits for content.
    return this.#accepted > 0 ? 'content' : 'empty';
  }

  #onFinal(reply: Reply): Step {
    if (isSuccess(reply)) this.settleRest({ kind: 'relayed', dsnHonoured: this.#dsn, ...this.#facts, reply });
    else this.settleRest(this.#refusal(reply, 'the end of DATA'));
    return 'clean';
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
}

function isSuccess(reply: Reply): boolean {
  return reply.code >= 200 && reply.code < 300;
}
