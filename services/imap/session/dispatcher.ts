// Takes each received command to its file and its answer to the client: tag, name, state, arguments, then the work, the news of other
// sessions and the tagged response (RFC 9051 section 2.2). Nothing that a client sends makes it throw.
import { MailboxGoneError } from '#shared/mailstore/refusal.ts';
import { ConnectionEndedError } from '#shared/session/client-connection.ts';
import { isHttpVerb } from '#shared/session/http-verb.ts';
import type { Command } from '../commands/command.ts';
import { commandNamed } from '../commands/table.ts';
import type { ReceivedCommand, RefusedCommand } from '../connection/command-reader.ts';
import { MAX_LITERALS, MAX_NONSYNC_LITERAL } from '../limits.ts';
import { bad, type Completion, no } from '../response/completion.ts';
import { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import type { CommandText } from '../syntax/command-text.ts';
import type { Session } from './session.ts';

/** RFC 9051 section 9: tag, then command, whose name may be two words. */
const TAGGED = /^([^\x00-\x20\x7f-\xff(){%*"\\+]{1,100}) ((?:UID )?[A-Z]+)(?=$| )/i;
const TAG = /^[^\x00-\x20\x7f-\xff(){%*"\\+]{1,100}(?= )/;

export class Dispatcher {
  readonly #session: Session;
  #errors = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Runs a command to its tagged response. */
  async take(received: Extract<ReceivedCommand, { kind: 'command' | 'refused' }>): Promise<void> {
    if (received.kind === 'refused') return this.#refuse(received);
    const { command: text } = received;
    const [, tag, name = ''] = TAGGED.exec(text.text) ?? [];
    if (!this.#session.account && isHttp(text.text)) return this.#hangUp();
    const command = tag === undefined ? undefined : commandNamed(name.toUpperCase());
    this.#session.pending = received.pending;
    this.#session.tag = tag ?? '';
    const started = performance.now();
    const completion = await this.#complete(command, text, (tag ?? '').length + 1 + name.length);
    await this.#skipPending();
    this.#answer(tag ?? TAG.exec(text.text)?.[0] ?? '*', completion);
    this.#count(command, completion, started);
  }

  async #complete(command: Command | undefined, text: CommandText, argumentsAt: number): Promise<Completion> {
    const session = this.#session;
    if (!command) return bad('Unknown command');
    if (!command.states.includes(session.state)) return bad(`${command.name} is not allowed now: ${session.state}`);
    try {
      const completion = await command.run(session, command.parse(new ArgumentReader(text, argumentsAt), session));
      return (await this.#tellNews(command)) ?? this.#hinted(command, completion);
    } catch (error) {
      return this.#failed(command, error);
    }
  }

  /** Null, or how the command ends instead: when the news is all that it is about. What else was done stays done, whatever becomes of the news. */
  async #tellNews(command: Command): Promise<Completion | null> {
    const { selected } = this.#session;
    if (!selected) return null;
    try {
      await selected.view.catchUp();
      selected.tell(command.tells !== 'no expunges');
      return null;
    } catch (error) {
      const failure = this.#failed(command, error);
      return command.tells === 'news' ? failure : null;
    }
  }

  /** RFC 5530 section 3: there are expunges that this command could not tell, and it may have met them; a NOOP would tell them. */
  #hinted({ tells }: Command, completion: Completion): Completion {
    const hint = tells === 'no expunges' && completion.status === 'OK' && this.#session.selected?.expungeWaits;
    return hint ? { code: 'EXPUNGEISSUED', ...completion } : completion;
  }

  #failed(command: Command, error: unknown): Completion {
    const session = this.#session;
    if (error instanceof ConnectionEndedError) throw error;
    if (error instanceof BadSyntax) return bad(error.message);
    if (error instanceof MailboxGoneError) {
      session.deselect();
      session.bye('The mailbox was deleted');
      return no('The mailbox was deleted', 'NONEXISTENT');
    }
    if (session.out.unfinished) session.connection.cut();
    session.server.host.log.error({ err: error, command: command.name, user: session.account?.address }, 'command failed');
    // RFC 5530 section 3: what is broken may be mended by the next try.
    return no('Something is broken here, try again later', 'UNAVAILABLE');
  }

  /** What is left of a command whose literal nobody took: a client that waits does not send it, any other does. */
  async #skipPending(): Promise<void> {
    const session = this.#session;
    let { pending } = session;
    session.pending = null;
    while (pending && !pending.synchronizing) {
      if (pending.size > MAX_NONSYNC_LITERAL) return session.bye('Literal too large');
      for await (const _ of session.connection.readBytes(pending.size));
      const rest = await session.reader.rest(MAX_LITERALS);
      pending = rest.kind === 'command' ? rest.pending : null;
    }
  }

  #refuse({ start, why, fatal }: RefusedCommand): void {
    const texts = {
      malformed: 'Lines end with CR LF and hold no NUL',
      'too-long': 'Command line too long',
      'literal-too-large': 'Literal too large',
    };
    // RFC 7888 section 4; the code is of RFC 4469 section 4.2. A client that waits has done nothing wrong.
    const completion = why !== 'literal-too-large' ? bad(texts[why]) : (fatal ? bad : no)(texts[why], 'TOOBIG');
    if (fatal) this.#session.bye(texts[why]);
    this.#answer(TAG.exec(start)?.[0] ?? '*', completion);
    this.#count(undefined, bad(''), performance.now());
  }

  #answer(tag: string, completion: Completion): void {
    this.#session.out.tagged(tag, completion);
  }

  /** A page that makes a browser talk to us gets no word in. */
  #hangUp(): void {
    this.#session.bye('This is an IMAP server');
  }

  #count(command: Command | undefined, { status }: Completion, started: number): void {
    const { server, afterwards } = this.#session;
    const { metrics } = server.host;
    const labels = { command: command?.name ?? 'other', result: status };
    metrics.imapCommands.inc(labels);
    if (command?.name !== 'IDLE') metrics.imapCommandSeconds.observe({ command: labels.command }, (performance.now() - started) / 1000);
    this.#errors = status === 'BAD' ? this.#errors + 1 : 0;
    if (this.#errors >= server.limits.errors && afterwards === 'go on') this.#session.bye('Too many errors');
  }
}

/** `GET / HTTP/1.1`: a tag may be any word, but no command looks like this. */
function isHttp(text: string): boolean {
  return isHttpVerb(text.slice(0, Math.max(0, text.indexOf(' ')))) && / HTTP\/\d/.test(text);
}
