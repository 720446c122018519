// One session of the source: takes numbers, sends each as one transaction, over one connection after the other. Every failure (4xx,
// 5xx, a lost connection) is an outcome told to the plan, never thrown.
import type { LoadMessage } from './message.ts';
import { openConnection, type SourceConnection } from './source-connection.ts';

/** What a session asks of the source it belongs to. */
export interface SessionPlan {
  readonly host: string;
  readonly port: number;
  readonly recipients: number;
  readonly messagesPerConnection: number;
  readonly pipelining: boolean;
  /** Milliseconds before trying again after a failure. */
  readonly retryDelay: number;
  /** Milliseconds without a reply before the connection is given up. */
  readonly replyTimeout: number;
  readonly sender: string;
  /** The forward-path of recipient `index`. */
  recipient(number: number, index: number): string;
  message(number: number, session: number, recipient: string): LoadMessage;
  /** The next number to send, or undefined: then `ready` is called when there is one, or never. */
  take(ready: () => void): number | undefined;
  /** DATA is sent. */
  began(number: number): void;
  acknowledged(number: number, reply: string): void;
  /** Not accepted; `uncertain` when the final dot was sent and no reply came. A 5xx is not tried again. */
  failed(number: number, why: { readonly reply: string; readonly uncertain: boolean }): void;
}

export interface SourceSession {
  /** Closes the connection at once. */
  abort(): void;
}

/** A message on its way. */
interface Attempt {
  readonly number: number;
  dotSent: boolean;
}

type Outcome = { readonly kind: 'accepted' | 'refused'; readonly reply: string };

/** Starts a session; it connects when it has a number to send and ends when there are no more. */
export function startSession(id: number, plan: SessionPlan): SourceSession {
  let connection: SourceConnection | undefined;
  let attempt: Attempt | undefined;
  let sentHere = 0;
  let stopped = false;
  /** The plan has no number for us and will call. */
  let parked = false;
  let timer: NodeJS.Timeout | undefined;

  const work = () => {
    if (stopped || attempt) return;
    parked = false;
    const number = plan.take(work);
    // A session without work keeps its connection; a server that closes it meanwhile costs a reconnection.
    if (number === undefined) {
      parked = true;
      return;
    }
    attempt = { number, dotSent: false };
    if (connection) send(connection, attempt);
    else connect();
  };
  const connect = () => {
    sentHere = 0;
    const opened = openConnection(plan, { ready: () => attempt && send(opened, attempt), lost, waiting: () => attempt !== undefined });
    connection = opened;
  };
  const send = (on: SourceConnection, what: Attempt) => transact(on, plan, id, what, (outcome) => finished(on, what, outcome));
  const finished = (on: SourceConnection, { number }: Attempt, { kind, reply }: Outcome) => {
    attempt = undefined;
    if (kind === 'refused') {
      plan.failed(number, { reply, uncertain: false });
      return afterReset(on);
    }
    sentHere += 1;
    plan.acknowledged(number, reply);
    if (sentHere >= plan.messagesPerConnection) quit(on);
    else work();
  };
  const lost = (reply: string) => {
    connection = undefined;
    const failed = attempt;
    attempt = undefined;
    if (failed) plan.failed(failed.number, { reply, uncertain: failed.dotSent && !reply.startsWith('421') });
    if (!parked) pause();
  };
  // One timer: a connection may be lost in a pause that a refusal began.
  const pause = () => {
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(work, plan.retryDelay);
  };
  const afterReset = (on: SourceConnection) => {
    on.onReply((code, text) => (code === 250 ? pause() : on.fail(text)));
    on.write('RSET\r\n');
  };
  const quit = (on: SourceConnection) => {
    on.onReply(() => {
      on.close();
      connection = undefined;
      work();
    });
    on.write('QUIT\r\n');
  };

  queueMicrotask(work);
  return {
    abort() {
      stopped = true;
      clearTimeout(timer);
      connection?.close();
      if (attempt) plan.failed(attempt.number, { reply: 'aborted', uncertain: attempt.dotSent });
      attempt = undefined;
    },
  };
}

/** One mail transaction. Ends with `done`, or with the connection: then nobody is told here. */
function transact(connection: SourceConnection, plan: SessionPlan, session: number, attempt: Attempt, done: (outcome: Outcome) => void): void {
  const { number } = attempt;
  const recipients = Array.from({ length: plan.recipients }, (_, index) => `RCPT TO:<${plan.recipient(number, index)}>\r\n`);
  const commands = [`MAIL FROM:<${plan.sender}>\r\n`, ...recipients, 'DATA\r\n'];
  let replied = 0;
  let refusal = '';

  const command = (index: number) => {
    if (index === commands.length - 1) plan.began(number);
    connection.write(commands[index] ?? '');
  };
  connection.onReply((code, text) => {
    replied += 1;
    const last = replied === commands.length;
    if (refusal === '' && code !== (last ? 354 : 250)) refusal = text;
    // Some recipients refused and DATA accepted: ending the content would send it to the others, so cut.
    if (last && code === 354 && refusal !== '') connection.fail(refusal);
    else if (refusal !== '' && (last || !plan.pipelining)) done({ kind: 'refused', reply: refusal });
    else if (last) content();
    else if (!plan.pipelining) command(replied);
  });
  const content = () => {
    connection.onReply((code, reply) => done({ kind: code === 250 ? 'accepted' : 'refused', reply }));
    attempt.dotSent = true;
    connection.writeMessage(plan.message(number, session, plan.recipient(number, 0)));
  };
  if (!plan.pipelining) return command(0);
  // RFC 2920 section 3.1: one group ends with DATA.
  plan.began(number);
  connection.write(commands.join(''));
}
