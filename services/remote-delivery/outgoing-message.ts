// One message on its way to one destination: each transaction on a lane, opened where there is none, and once more where a connection died
// before our turn. Owns the content once it is read. Broken content is an outcome; any other failure of the spool is a throw.
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import type { Delayed, Outcome } from '#shared/smtp/outcome.ts';
import { type Content, ContentMissingError } from '#shared/spool/cold-store.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Spool } from '#shared/spool/spool.ts';
import type { Course, Guard, Report, Settled } from './attempt.ts';
import type { Connections, Reached } from './connections.ts';
import type { Lane } from './lanes.ts';
import { NextHopError } from './next-hop.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';
import type { RecipientResult, TransactionResult } from './smtp-client/request.ts';

/** A lane that is no bare place any more, and how it came about. */
type Arrival = Pick<Report, 'passedOver' | 'trouble'> & { readonly lane: Exclude<Lane, { kind: 'place' }> };

interface Sent extends Pick<Report, 'settled' | 'trouble'> {
  readonly result: TransactionResult;
}

/** What senders may hear: lost, damaged or away, it is ours to mend. The log says which. */
const CONTENT_UNREADABLE = 'The content of this message cannot be read from the spool now';

export interface OutgoingParts {
  readonly connections: Connections;
  readonly spool: Pick<Spool, 'content'>;
}

export class OutgoingMessage {
  readonly #parts: OutgoingParts;
  readonly #course: Course;
  readonly #guard: Guard;
  readonly #view: MessageView;
  #buffer: Buffer | null = null;

  constructor(parts: OutgoingParts, course: Course, guard: Guard, view: MessageView) {
    this.#parts = parts;
    this.#course = course;
    this.#guard = guard;
    this.#view = view;
  }

  lane(): Promise<Lane> {
    return this.#guard.lanes.take(this.#course.pool, this.#course.messagesPerConnection);
  }

  /** Connections in use or kept may die before our turn: what such a one loses before the final dot goes once more, on another. */
  async transact(recipients: readonly Recipient[], lane: Lane): Promise<Report> {
    if (lane.kind !== 'connection') return this.#transactAnew(recipients, lane);
    const { result, settled, ...facts } = await this.#send(lane.connection, recipients);
    if (!result.loss || result.committed || result.loss.reason === 'aborted') return { settled, lost: false, refused: false, ...facts };
    const decided = settled.filter(({ outcome }) => !isUndecided(outcome));
    const again = new Set(settled.filter(({ outcome }) => isUndecided(outcome)).map(({ recipient }) => recipient));
    const rest = recipients.filter((recipient) => again.has(recipient));
    if (rest.length === 0) return { settled: decided, lost: false, refused: false };
    const report = await this.#transactAnew(rest, await this.lane());
    return { ...report, settled: [...report.settled, ...decided] };
  }

  async #transactAnew(recipients: readonly Recipient[], lane: Lane): Promise<Report> {
    const { lane: opened, ...way } = lane.kind === 'place' ? await this.#open() : { lane };
    if (opened.kind === 'refused')
      return { settled: recipients.map((recipient) => ({ recipient, outcome: opened.outcome })), lost: false, refused: true, ...way };
    const { result, settled, ...facts } = await this.#send(opened.connection, recipients);
    return { settled, lost: result.loss !== null && result.loss.reason !== 'aborted', refused: false, ...way, ...facts };
  }

  async #open(): Promise<Arrival> {
    const { lanes } = this.#guard;
    const { pool } = this.#course;
    let opened: Reached & Pick<Report, 'trouble'>;
    try {
      opened = await this.#parts.connections.open(pool, await this.#course.nextHop());
    } catch (error) {
      if (!(error instanceof NextHopError)) {
        lanes.refused(pool, null);
        throw error;
      }
      const outcome: Delayed = { kind: 'delayed', scope: 'site', status: error.status, diagnostic: error.message };
      opened = { kind: 'refused', outcome, passedOver: [], trouble: error.detail };
    }
    if (opened.kind === 'refused') lanes.refused(pool, opened.outcome);
    else lanes.opened(pool, opened.connection);
    const { passedOver, trouble } = opened;
    const lane = opened.kind === 'refused' ? opened : ({ kind: 'connection', connection: opened.connection } as const);
    return { lane, ...(passedOver.length > 0 && { passedOver }), ...(trouble !== undefined && { trouble }) };
  }

  async #send(connection: SmtpConnection, recipients: readonly Recipient[]): Promise<Sent> {
    try {
      const result = await this.#sendOn(connection, recipients);
      return { result, settled: settledOf(recipients, result.results) };
    } catch (error) {
      if (!(error instanceof ContentMissingError)) throw error;
      // An alarm (the spool raises it) and a deferral, never a bounce: content may be back when the store is.
      const { host, address } = connection.facts;
      const facts = { ...(host === undefined ? {} : { host }), ...(address === undefined ? {} : { address }) };
      const missing: Delayed = { kind: 'delayed', scope: 'recipient', status: '4.3.0', diagnostic: CONTENT_UNREADABLE, ...facts };
      const result = { results: recipients.map(() => missing), loss: null, committed: false, needsReset: false };
      return { result, settled: settledOf(recipients, result.results), trouble: whyOf(error) };
    } finally {
      this.#guard.lanes.release(connection, this.#course.messagesPerConnection);
    }
  }

  async #sendOn(connection: SmtpConnection, recipients: readonly Recipient[]): Promise<TransactionResult> {
    const { envelope, size } = this.#view.head;
    const { body, smtputf8, ret, envid } = envelope;
    return connection.send({
      reversePath: recipients[0]?.reversePath ?? envelope.reversePath,
      recipients: recipients.map(envelopeRecipient),
      content: await this.#content(),
      size,
      body,
      smtputf8,
      ...(ret ? { ret } : {}),
      ...(envid === undefined ? {} : { envid }),
      mayCommit: this.#guard.mayCommit,
    });
  }

  /** A stream serves one transaction, a buffer all of them. */
  async #content(): Promise<Content> {
    if (this.#buffer) return this.#buffer;
    const content = await this.#parts.spool.content(this.#view);
    if (Buffer.isBuffer(content)) this.#buffer = content;
    return content;
  }
}

/** The error and what it came from, on one line. */
function whyOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function envelopeRecipient({ address, notify, orcpt }: Recipient): EnvelopeRecipient {
  return { address, ...(notify ? { notify } : {}), ...(orcpt === undefined ? {} : { orcpt }) };
}

/** Without those that the next hop wants in a transaction of their own. */
function settledOf(recipients: readonly Recipient[], results: readonly RecipientResult[]): readonly Settled[] {
  return recipients.flatMap((recipient, index) => {
    const outcome = results[index];
    return outcome && outcome.kind !== 'next-transaction' ? [{ recipient, outcome }] : [];
  });
}

/** The connection ended, and that is all we know. */
function isUndecided(outcome: Outcome): boolean {
  return outcome.kind === 'delayed' && (outcome.reply === undefined || outcome.reply.code === 421);
}
