// The load generator: a number of SMTP sessions that send numbered messages, as fast as they can or at a rate, and remember
// every acknowledgement. It survives refusals and lost connections by trying again, so it can run through crashes.
import { createWriteStream, type WriteStream } from 'node:fs';
import { messageFactory, newRunId, recipientAddress } from './message.ts';
import { type SessionPlan, type SourceSession, startSession } from './source-session.ts';

export interface SourceOptions {
  readonly host?: string;
  readonly port: number;
  readonly messages: number;
  /** Bytes of a message. */
  readonly size: number;
  /** Recipients of each message, all of one domain. */
  readonly recipients?: number;
  readonly sessions: number;
  readonly messagesPerConnection?: number;
  /** Messages per second over all sessions (open loop); without it as fast as replies come. */
  readonly rate?: number;
  readonly pipelining?: boolean;
  readonly run?: string;
  /** The reverse-path of every message. */
  readonly sender?: string;
  /** The recipient domain of a message. */
  readonly domain?: (number: number) => string;
  /** The forward-path of a message's recipient `index`, instead of one made from the domain. */
  readonly recipient?: (number: number, index: number) => string;
  /** `stop` ends the run at the first failure; `retry`, the default, tries the message again. */
  readonly onFailure?: 'retry' | 'stop';
  /** Milliseconds before a session tries again after a failure. */
  readonly retryDelay?: number;
  /** Milliseconds without a reply before a connection is given up. */
  readonly replyTimeout?: number;
  /** A file for one line per acknowledgement: number, milliseconds since the start, reply. */
  readonly log?: string;
}

/** The acknowledgements; times are performance.now() milliseconds of this process, 0 for never. */
export interface Acknowledgements {
  readonly run: string;
  readonly startedAt: number;
  /** When DATA of the latest attempt was sent. */
  readonly dataAt: Float64Array;
  readonly acknowledgedAt: Float64Array;
  /** The reply that acknowledged it, with the queue id. */
  readonly replies: (string | undefined)[];
  /** Attempts whose final dot was sent and never answered: each may have been accepted. */
  readonly uncertain: Uint8Array;
  /** Numbers that sessions have in hand. */
  readonly underWay: Set<number>;
  acknowledged: number;
  /** Refused for good by a 5xx. */
  refused: number;
  /** Attempts that failed and were, or will be, repeated. */
  failures: number;
  lastFailure: string | undefined;
  /** Sent more than 20 ms after their time, because every session was busy (a rate only). */
  late: number;
}

export interface Source {
  readonly acknowledgements: Acknowledgements;
  /** Resolves when every message is acknowledged or refused, or after `stop`. Rejects at the first failure with onFailure `stop`. */
  readonly done: Promise<Acknowledgements>;
  /** Cuts all connections and resolves `done`. */
  stop(): void;
}

const LATE = 20;

/** Starts sending at once. */
export function startSource(options: SourceOptions): Source {
  const { messages, rate, onFailure = 'retry', run = newRunId() } = options;
  const book = newAcknowledgements(run, messages);
  const log: WriteStream | undefined = options.log === undefined ? undefined : createWriteStream(options.log);
  const again: number[] = [];
  const parked: (() => void)[] = [];
  let next = 0;
  let timer: NodeJS.Timeout | undefined;
  let settled = false;
  let sessions: SourceSession[] = [];
  const { promise: done, resolve, reject } = Promise.withResolvers<Acknowledgements>();

  const finish = (error?: Error) => {
    if (settled) return;
    settled = true;
    clearTimeout(timer);
    for (const session of sessions) session.abort();
    log?.end();
    if (error) reject(error);
    else resolve(book);
  };
  const finishIfComplete = () => {
    if (book.acknowledged + book.refused === messages) finish();
  };
  /** Numbers that the rate has made due by now; all of them without a rate. */
  const due = () => (rate === undefined ? messages : Math.min(messages, 1 + Math.floor(((performance.now() - book.startedAt) * rate) / 1000)));
  const wake = () => {
    clearTimeout(timer);
    for (let free = again.length + due() - next; free > 0 && parked.length > 0; free--) parked.shift()?.();
    if (rate === undefined || next >= messages || settled) return;
    timer = setTimeout(wake, Math.max(1, book.startedAt + (next * 1000) / rate - performance.now()));
  };
  const plan: SessionPlan = {
    host: options.host ?? '127.0.0.1',
    port: options.port,
    recipients: options.recipients ?? 1,
    messagesPerConnection: options.messagesPerConnection ?? Number.POSITIVE_INFINITY,
    pipelining: options.pipelining ?? true,
    retryDelay: options.retryDelay ?? 100,
    replyTimeout: options.replyTimeout ?? 300_000,
    sender: options.sender ?? 'source@load.example',
    recipient: options.recipient ?? ((number, index) => recipientAddress(index, options.domain?.(number) ?? 'load.example')),
    message: messageFactory(run, options.size),
    take(ready) {
      const number = again.pop() ?? (next < due() ? next++ : undefined);
      if (number === undefined) parked.push(ready);
      else book.underWay.add(number);
      return number;
    },
    began(number) {
      const now = performance.now();
      if (rate !== undefined && book.dataAt[number] === 0 && now - book.startedAt - (number * 1000) / rate > LATE) book.late += 1;
      book.dataAt[number] = now;
    },
    acknowledged(number, reply) {
      const now = performance.now();
      book.underWay.delete(number);
      book.acknowledgedAt[number] = now;
      book.replies[number] = reply;
      book.acknowledged += 1;
      log?.write(`${number} ${(now - book.startedAt).toFixed(3)} ${reply}\n`);
      finishIfComplete();
    },
    failed(number, { reply, uncertain }) {
      book.underWay.delete(number);
      if (uncertain) book.uncertain[number] = (book.uncertain[number] ?? 0) + 1;
      book.lastFailure = reply;
      if (settled) return;
      if (onFailure === 'stop') return finish(new Error(`message ${number} failed: ${reply}`));
      if (/^5\d\d/.test(reply)) book.refused += 1;
      else {
        book.failures += 1;
        again.push(number);
        wake();
      }
      finishIfComplete();
    },
  };
  sessions = Array.from({ length: options.sessions }, (_, id) => startSession(id, plan));
  if (rate !== undefined) queueMicrotask(wake);
  return { acknowledgements: book, done, stop: () => finish() };
}

function newAcknowledgements(run: string, messages: number): Acknowledgements {
  return {
    run,
    startedAt: performance.now(),
    dataAt: new Float64Array(messages),
    acknowledgedAt: new Float64Array(messages),
    replies: new Array<string | undefined>(messages).fill(undefined),
    uncertain: new Uint8Array(messages),
    underWay: new Set(),
    acknowledged: 0,
    refused: 0,
    failures: 0,
    lastFailure: undefined,
    late: 0,
  };
}
