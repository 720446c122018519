// One attempt for one message at one destination: as few transactions as the next hop allows, each recipient with its
// outcome at the end. Owns nothing beyond the call. Broken content is a throw; what a next hop does is an outcome.
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import type { Delayed, Outcome } from '#shared/smtp/outcome.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Spool } from '#shared/spool/spool.ts';
import type { Connections, Reached } from './connections.ts';
import type { Lane, Lanes } from './lanes.ts';
import { type NextHop, NextHopError } from './next-hop.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';
import type { RecipientResult, TransactionResult } from './smtp-client/request.ts';

/** RFC 5321 section 4.5.3.1.8: every server takes at least 100 in one transaction. */
const MAX_RECIPIENTS = 100;

/** Octets of content held in memory for an attempt; more is streamed. */
const SMALL = 65_536;

/** How to get there. */
export interface Course {
  /** Connections are shared under this name. */
  readonly pool: string;
  /** Throws NextHopError. Asked only when there is no kept connection. */
  readonly nextHop: () => NextHop | Promise<NextHop>;
  readonly messagesPerConnection: number;
}

/** The activation's say in an attempt. */
export interface Guard {
  /** False when the lease is over: nothing may be committed to the next hop any more. */
  mayCommit(): boolean;
  /** The connections that it may use; it cuts them when it must end. */
  readonly lanes: Lanes;
}

export interface Settled {
  readonly recipient: Recipient;
  readonly outcome: Outcome;
}

/** What one transaction did, for logs, traces and the breaker. */
export interface Report {
  readonly settled: readonly Settled[];
  /** Our session with the next hop stood, and it was lost before it gave its answer. */
  readonly lost: boolean;
  /** No session came about. */
  readonly refused: boolean;
  /** How long it took. */
  readonly milliseconds?: number;
  /** What hosts said that did not take the connection, before the one of the outcome. */
  readonly passedOver?: readonly string[];
  /** What is wrong on our side, for the operator's log: outcomes are told to strangers. */
  readonly trouble?: string;
}

/** A lane that is no bare place any more, and how it came about. */
type Arrival = Pick<Report, 'passedOver' | 'trouble'> & { readonly lane: Exclude<Lane, { kind: 'place' }> };

interface Sent extends Pick<Report, 'settled' | 'trouble'> {
  readonly result: TransactionResult;
}

/** What senders may hear: lost, damaged or away, it is ours to mend. The log says which. */
const CONTENT_UNREADABLE = 'The content of this message cannot be read from the spool now';

export interface DeliveryParts {
  readonly connections: Connections;
  readonly spool: Pick<Spool, 'content'>;
  /** Wraps each transaction: spans, logs, metrics. */
  readonly observe: (run: () => Promise<Report>) => Promise<Report>;
}

/** What came of it, as far as it came before the lease ended or, with `broken`, the spool (or a bug) threw. */
export interface Delivery {
  readonly reports: readonly Report[];
  readonly broken?: unknown;
}

/** Delivers to all these recipients. It never rejects, for what was handed over must be settled whatever happens after. */
export async function deliver(parts: DeliveryParts, course: Course, guard: Guard, view: MessageView, recipients: readonly Recipient[]): Promise<Delivery> {
  const message = new OutgoingMessage(parts, course, guard, view);
  const reports: Report[] = [];
  const waiting = batches(view, recipients);
  try {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      const current = batch;
      const lane = await message.lane();
      if (!guard.mayCommit()) {
        guard.lanes.giveBack(lane, course.pool, course.messagesPerConnection);
        return { reports };
      }
      const report = await parts.observe(() => message.transact(current, lane));
      reports.push(report);
      const rest = undecided(current, [report]);
      if (rest.length > 0) waiting.unshift(rest);
      if (report.refused) return { reports: [...reports, ...refusedToo(report, waiting)] };
      if (!guard.mayCommit()) return { reports };
    }
    return { reports };
  } catch (broken) {
    return { reports, broken };
  }
}

/** Those of whom none of these reports tells; mostly nobody. */
export function undecided(recipients: readonly Recipient[], reports: readonly Report[]): Recipient[] {
  if (reports.reduce((sum, { settled }) => sum + settled.length, 0) === recipients.length) return [];
  const decided = new Set(reports.flatMap(({ settled }) => settled.map(({ recipient }) => recipient)));
  return recipients.filter((recipient) => !decided.has(recipient));
}

/** The site does not take us: the others of this message need not ask again. */
function refusedToo({ settled }: Report, waiting: readonly Recipient[][]): readonly Report[] {
  const outcome = settled[0]?.outcome;
  return outcome ? waiting.map((others) => ({ settled: others.map((recipient) => ({ recipient, outcome })), lost: false, refused: true })) : [];
}

/** One transaction has one reverse-path. */
function batches(view: MessageView, recipients: readonly Recipient[]): Recipient[][] {
  const { reversePath } = view.head.envelope;
  const groups = Map.groupBy(recipients, (recipient) => recipient.reversePath ?? reversePath);
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / MAX_RECIPIENTS) }, (_, at) => group.slice(at * MAX_RECIPIENTS, (at + 1) * MAX_RECIPIENTS)),
  );
}

class OutgoingMessage {
  readonly #parts: DeliveryParts;
  readonly #course: Course;
  readonly #guard: Guard;
  readonly #view: MessageView;
  #buffer: Buffer | null = null;

  constructor(parts: DeliveryParts, course: Course, guard: Guard, view: MessageView) {
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
    const { pool } = this.#course;
    const { lanes } = this.#guard;
    const opened = await this.#dial().catch((error: unknown) => {
      lanes.refused(pool, null);
      throw error;
    });
    if (opened.kind === 'refused') lanes.refused(pool, opened.outcome);
    else lanes.opened(pool, opened.connection);
    const { passedOver, trouble } = opened;
    const lane = opened.kind === 'refused' ? opened : ({ kind: 'connection', connection: opened.connection } as const);
    return { lane, ...(passedOver.length > 0 && { passedOver }), ...(trouble !== undefined && { trouble }) };
  }

  async #dial(): Promise<Reached & Pick<Report, 'trouble'>> {
    try {
      return await this.#parts.connections.open(this.#course.pool, await this.#course.nextHop());
    } catch (error) {
      if (!(error instanceof NextHopError)) throw error;
      const outcome: Delayed = { kind: 'delayed', scope: 'site', status: error.status, diagnostic: error.message };
      return { kind: 'refused', outcome, passedOver: [], trouble: error.detail };
    }
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

  /** A stream serves one transaction; a buffer all of them, so what is small is read whole wherever it lies. */
  async #content(): Promise<Buffer | Readable> {
    if (this.#buffer) return this.#buffer;
    const content = await this.#parts.spool.content(this.#view);
    if (!Buffer.isBuffer(content) && this.#view.head.size > SMALL) return content;
    this.#buffer = Buffer.isBuffer(content) ? content : await buffer(content);
    return this.#buffer;
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
