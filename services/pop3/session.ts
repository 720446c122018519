// One POP3 session (RFC 1939 section 3): takes each line to its command and each answer to the client, and keeps what the client has told so
// far. Fails by -ERR and close; nothing that a client sends makes it throw, and a session that does not reach QUIT removes nothing.

import { MailboxGoneError } from '#shared/mailstore/refusal.ts';
import type { ClientConnection, Received } from '#shared/session/client-connection.ts';
import { isHttpVerb } from '#shared/session/http-verb.ts';
import type { Credentials } from '#shared/session/sasl.ts';
import type { SessionServer } from '#shared/session/session-server.ts';
import { DotStuffer } from '#shared/smtp/dot-stuffing.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import { parseCommandLine } from './arguments.ts';
import { COMMANDS } from './commands/command-table.ts';
import type { Answer, Conversation, MultiLine } from './conversation.ts';
import { type Maildrop, openMaildrop } from './maildrop.ts';
import type { Pop3 } from './pop3.ts';
import { fill, type Reply, replies, wire } from './replies.ts';

/** RFC 5034 section 4: octets of a line in an AUTH exchange, and of AUTH itself. */
const AUTH_LINE = 12_288;
/** RFC 2449 section 4 asks for 255; names and passwords may be longer. */
const COMMAND_LINE = 1_024;

export class Session implements Conversation {
  user: string | null = null;
  utf8 = false;
  readonly #pop3: Pop3;
  readonly #connection: ClientConnection;
  readonly #server: SessionServer;
  #maildrop: Maildrop | null = null;
  #account: string | undefined;
  #over = false;
  #faults = 0;
  #authFailures = 0;
  readonly #messages = { retrieved: 0, deleted: 0 };

  constructor(pop3: Pop3, connection: ClientConnection, server: SessionServer) {
    this.#pop3 = pop3;
    this.#connection = connection;
    this.#server = server;
  }

  get maildrop(): Maildrop | null {
    return this.#maildrop;
  }

  get tls(): boolean {
    return this.#connection.tls !== null;
  }

  get offersTls(): boolean {
    return !this.tls && this.#server.starttls !== null;
  }

  get passwordsAllowed(): boolean {
    return this.#server.passwordsAllowed(this.#connection);
  }

  /** From the greeting to the last reply; the connection is closed by whoever called. */
  async run(): Promise<void> {
    this.#connection.patience = this.#pop3.limits.login_timeout;
    this.#say(fill(replies.greeting, this.#pop3.hostname));
    try {
      while (!this.#over) await this.#take(await this.#connection.readLine(AUTH_LINE, this.#maildrop === null));
    } finally {
      await this.leaveMaildrop();
      if (this.#account !== undefined) this.#pop3.host.log.info({ ...this.#who, ...this.#messages }, 'POP3 session ended');
    }
  }

  async challenge(text: string): Promise<string | null> {
    this.#connection.write(`+ ${text}\r\n`);
    const received = await this.#connection.readLine(AUTH_LINE, true);
    if (received.kind === 'line') return received.bytes.toString('latin1');
    // What cannot be a response is no base64 either.
    if (received.kind === 'bare-control') return '';
    await this.#take(received);
    return null;
  }

  async logIn(credentials: Credentials): Promise<Reply> {
    const { address, addressKnown, closed } = this.#connection;
    const result = await this.#pop3.authenticator.check(credentials, addressKnown ? address : null, closed);
    this.#pop3.host.metrics.logins.inc({ role: 'pop3', result: result.kind });
    // Without the name: it may be a password in the wrong place.
    if (result.kind !== 'authenticated') this.#pop3.host.log.info({ client: address, listener: this.#server.label, result: result.kind }, 'login failed');
    switch (result.kind) {
      case 'authenticated':
        return await this.#open(result.account.address);
      case 'throttled':
        return replies.authThrottled;
      case 'unavailable':
        return replies.authUnavailable;
      case 'refused':
        if (++this.#authFailures >= this.#pop3.limits.auth_failures) this.hangUp();
        return replies.authFailed;
    }
  }

  async startTls(): Promise<void> {
    const context = this.#server.starttls;
    if (context) await this.#connection.upgrade(wire(replies.startTls), context, this.#pop3.limits.tls_timeout);
  }

  async leaveMaildrop(): Promise<void> {
    const maildrop = this.#maildrop;
    this.#maildrop = null;
    maildrop?.lost.removeEventListener('abort', this.#cut);
    await maildrop?.release();
  }

  hangUp(): void {
    this.#over = true;
  }

  countMessages(action: 'retrieved' | 'deleted', count: number): void {
    this.#messages[action] += count;
    this.#pop3.host.metrics.pop3Messages.inc({ action }, count);
  }

  /** For log lines. */
  get #who() {
    return { client: this.#connection.address, listener: this.#server.label, user: this.#account };
  }

  /** There is no reply for it, and nothing may be removed any more. */
  readonly #cut = (): void => {
    this.#pop3.host.log.warn(this.#who, 'the lock of a maildrop was lost: session ended');
    this.#connection.cut();
  };

  async #open(address: string): Promise<Reply> {
    const opening = await openMaildrop(this.#pop3.host.mailstore, address, this.#pop3.holder);
    if (opening.kind === 'in-use') return replies.inUse;
    const { maildrop } = opening;
    this.#maildrop = maildrop;
    this.#account = address;
    maildrop.lost.addEventListener('abort', this.#cut, { once: true });
    if (maildrop.lost.aborted) this.#cut();
    this.#connection.patience = this.#pop3.idleTimeout;
    const { count, octets } = maildrop.total;
    return fill(replies.loggedIn, count, octets);
  }

  async #take(received: Received): Promise<void> {
    switch (received.kind) {
      case 'line':
        return await this.#command(received.bytes);
      case 'bare-control':
        return this.#refuse('', replies.malformed);
      case 'bare-lf':
        return this.#last(replies.bareLf);
      case 'too-long':
        return this.#last(replies.lineTooLong);
      case 'draining':
        return this.#last(replies.shuttingDown);
      case 'timeout':
      case 'ended':
        // RFC 1939 section 3: a session that times out is closed without a response, and removes nothing.
        return this.hangUp();
    }
  }

  async #command(bytes: Buffer): Promise<void> {
    const { keyword, argument } = parseCommandLine(bytes.toString('utf8'));
    if (isHttpVerb(keyword)) return this.#last(replies.notPop3);
    const command = COMMANDS.get(keyword);
    if (!command) return this.#refuse('', replies.unknownCommand);
    if (bytes.length > COMMAND_LINE && keyword !== 'AUTH') return this.#refuse(keyword, replies.lineTooLong);
    // A replacement character is either what the client sent or what could not be decoded: fit for no argument.
    if (argument.includes('\uFFFD')) return this.#refuse(keyword, replies.notUtf8);
    if (!command.states.includes(this.#maildrop ? 'TRANSACTION' : 'AUTHORIZATION')) return this.#refuse(keyword, replies.notNow);
    await this.#answer(keyword, await this.#attempt(keyword, async () => command.run(this, argument)));
  }

  /** A store that is away is an answer, too: what it was to remove stays, and the client may come again. */
  async #attempt(keyword: string, run: () => Promise<Answer>): Promise<Answer> {
    try {
      return await run();
    } catch (error) {
      const { log, metrics } = this.#pop3.host;
      log.error({ err: error, ...this.#who, command: keyword }, 'POP3 command failed');
      if (error instanceof ContentMissingError) {
        metrics.contentMissing.inc();
        return replies.contentMissing;
      }
      if (error instanceof MailboxGoneError) {
        this.hangUp();
        return replies.mailboxGone;
      }
      return keyword === 'QUIT' ? replies.notRemoved : replies.storeUnavailable;
    }
  }

  async #answer(keyword: string, answer: Answer): Promise<void> {
    if (answer === null) return;
    if ('body' in answer) return await this.#sendLines(keyword, answer);
    if (answer.fault) return this.#refuse(keyword, answer);
    this.#count(keyword, answer);
    this.#say(answer);
  }

  /** RFC 1939 section 3: lines, those that begin with a dot stuffed, and a lone dot. A body that breaks off must never look whole: it has no dot. */
  async #sendLines(keyword: string, { reply, body, sent }: MultiLine): Promise<void> {
    this.#say(reply);
    const stuffer = new DotStuffer();
    try {
      for await (const piece of body) {
        if (this.#connection.closed.aborted) return;
        this.#connection.write(stuffer.push(piece));
        if (this.#connection.full) await this.#connection.flush();
      }
      this.#connection.write(stuffer.end());
      this.#count(keyword, reply);
      sent?.();
    } catch (error) {
      this.#pop3.host.log.error({ err: error, ...this.#who, command: keyword }, 'POP3 answer broke off');
      this.hangUp();
      this.#connection.cut();
    }
  }

  /** Answers a mistake of the client; too many end the session. */
  #refuse(keyword: string, reply: Reply): void {
    this.#count(keyword, reply);
    this.#pop3.host.log.debug({ ...this.#who, command: keyword, reply: reply.text }, 'rejected');
    if (++this.#faults < this.#pop3.limits.errors) this.#say(reply);
    else this.#last(replies.tooManyErrors);
  }

  #last(reply: Reply): void {
    this.#say(reply);
    this.hangUp();
  }

  #say(reply: Reply): void {
    this.#connection.write(wire(reply));
  }

  #count(keyword: string, { ok }: Reply): void {
    this.#pop3.host.metrics.pop3Commands.inc({ command: keyword === '' ? 'other' : keyword, result: ok ? 'ok' : 'err' });
  }
}
