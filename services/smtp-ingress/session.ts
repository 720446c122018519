// One SMTP session: takes each line to its command and each answer to the client, and keeps what the client has told so far. Fails by
// reply and close; nothing that a client sends makes it throw.
import type { Line } from '#shared/session/line-parser.ts';
import { fill, replies, type ServerReply } from '#shared/smtp/replies.ts';
import { decodeLine, notUtf8Reply, parseCommand } from './commands.ts';
import { Connection } from './connection.ts';
import type { Continuation, Conversation, DataReceiver, Helo } from './conversation.ts';

/** RFC 4954 section 4: bytes of a line in an AUTH exchange. */
const AUTH_LINE = 12_288;
/** Bytes of a refused command in the log. */
const LOGGED_ARGUMENT = 320;
/** Commands whose refusal is worth a log line; the rest is debug. */
const NOTABLE = new Set(['MAIL', 'RCPT', 'DATA', 'AUTH']);

export class Session extends Connection implements Conversation {
  helo: Helo | null = null;
  user: string | null = null;
  continuation: Continuation | null = null;
  messages = 0;
  authFailures = 0;
  unknownRecipients = 0;
  #receiver: DataReceiver | null = null;
  #afterReply: 'go on' | 'start TLS' | 'close' = 'go on';
  #errors = 0;

  lineLimit(isAuth: boolean): number {
    return isAuth || this.continuation ? AUTH_LINE : this.ingress.limits.line_length;
  }

  dataConsumer(): DataReceiver | null {
    return this.#receiver;
  }

  onLine(line: Line): Promise<void> | undefined {
    if (line.kind !== 'line') return this.#malformed(line.kind);
    const { limits, hostname } = this.ingress;
    // A client that goes on regardless (RFC 5321 section 4.3.2 gives it a reply each time) is stopped by the count of its errors.
    if (this.#errors >= limits.errors || this.unknownRecipients >= limits.unknown_recipients) return this.leave(fill(replies.tooManyErrors, hostname));
    const text = decodeLine(line.bytes);
    if (text === null) return this.#answer('', '', notUtf8Reply(line.bytes));
    if (this.continuation) return this.#settle('AUTH', '', this.continuation(text));
    const { verb, argument, command, http } = parseCommand(text);
    if (http) return this.leave(fill(replies.notSmtp, hostname));
    return this.#settle(verb, argument, command ? command(this, argument) : replies.unknownCommand);
  }

  #malformed(kind: Exclude<Line['kind'], 'line'>): undefined {
    if (kind === 'bare-control') return this.#answer('', '', replies.bareControl);
    const tooLong = this.continuation ? replies.authLineTooLong : replies.lineTooLong;
    return this.leave(kind === 'bare-lf' ? replies.bareLf : tooLong);
  }

  #settle(verb: string, argument: string, answer: ServerReply | Promise<ServerReply>): Promise<void> | undefined {
    if (!(answer instanceof Promise)) return this.#answer(verb, argument, answer);
    this.working = true;
    return this.#await(verb, argument, answer);
  }

  async #await(verb: string, argument: string, answer: Promise<ServerReply>): Promise<void> {
    try {
      const reply = await answer;
      this.#answer(verb, argument, reply);
    } finally {
      this.working = false;
    }
  }

  #answer(verb: string, argument: string, reply: ServerReply): undefined {
    if (reply.code >= 400) this.#countError(verb, argument, reply);
    this.#say(reply);
  }

  /** The reply, and what the command or the data wanted done behind it. */
  #say(reply: ServerReply): undefined {
    this.reply(reply);
    const next = this.#afterReply;
    this.#afterReply = 'go on';
    if (next === 'close') this.close();
    if (next === 'start TLS') this.startTls();
  }

  #countError(verb: string, argument: string, reply: ServerReply): void {
    this.#errors++;
    const { log } = this.ingress.host;
    const line = { client: this.client, listener: this.listener.name, verb, reply: reply.wire.trim() };
    if (!NOTABLE.has(verb)) log.debug(line, 'rejected');
    // What follows AUTH may be a password.
    else log.info(verb === 'AUTH' ? line : { ...line, argument: argument.slice(0, LOGGED_ARGUMENT), user: this.user ?? undefined }, 'rejected');
  }

  protected override forget(): void {
    this.helo = null;
    this.user = null;
    this.continuation = null;
    this.endTransaction();
  }

  protected override abandon(): void {
    this.#receiver?.abandon();
    this.endTransaction();
  }

  hangUp(): void {
    this.#afterReply = 'close';
  }

  upgradeToTls(): void {
    this.#afterReply = 'start TLS';
  }

  receive(receiver: DataReceiver): void {
    this.#receiver = receiver;
  }

  endData(reply: ServerReply): void {
    this.#receiver = null;
    this.endTransaction();
    this.#errors = reply.code < 400 ? 0 : this.#errors + 1;
    this.#say(reply);
  }

  endTransaction(): void {
    this.transaction?.span.end();
    this.transaction = null;
  }
}
