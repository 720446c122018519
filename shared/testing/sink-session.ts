// One connection to the sink: reads commands, does what the script says or else agrees. It owns its socket; a client that vanishes ends it.
import type { Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';
import type { Certificate } from './certificate.ts';
import { lineReader } from './line-reader.ts';
import { DROP, HANG, type Parameters, type SinkAnswer, type SinkConnection, type SinkMessage, type SinkRecipient, type SinkScript } from './sink-script.ts';

/** What a session sees of its sink. */
export type SessionContext = {
  readonly name: string;
  readonly extensions: readonly string[];
  readonly implicitTls: boolean;
  readonly certificate: Certificate | undefined;
  /** The script of the moment. */
  script(): SinkScript;
  taken(message: SinkMessage): void;
};

type MutableTransaction = { reversePath: string; parameters: Parameters; recipients: SinkRecipient[] };

export class SinkSession implements SinkConnection {
  readonly number: number;
  readonly remote: { readonly address: string; readonly port: number };
  readonly commands: string[] = [];
  clientName = '';
  encrypted = false;
  authentication: string | undefined;
  readonly #sink: SessionContext;
  readonly #raw: Socket;
  #socket: Socket;
  #reader: ReturnType<typeof lineReader>;
  #transaction: MutableTransaction | undefined;

  constructor(sink: SessionContext, socket: Socket, number: number) {
    this.number = number;
    this.remote = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.#sink = sink;
    this.#raw = socket;
    this.#socket = socket;
    this.#reader = lineReader(socket);
    socket.on('error', () => {}); // a client may vanish; its connection then just ends
  }

  drop(): void {
    this.#raw.destroy();
  }

  async serve(): Promise<void> {
    try {
      if (this.#sink.implicitTls) this.#encrypt();
      await this.#answer(this.#sink.script().connect?.(this), `220 ${this.#sink.name} ESMTP`);
      for (;;) {
        const line = await this.#reader.line();
        if (line === undefined) break;
        this.commands.push(line);
        if (!(await this.#obey(line))) break;
      }
      this.#socket.end();
    } catch (error) {
      this.drop();
      if (!(error instanceof Dropped)) throw error;
    }
  }

  /** False after QUIT. */
  async #obey(line: string): Promise<boolean> {
    const override = await this.#sink.script().command?.(line, this);
    if (override !== undefined) {
      await this.#answer(override, '');
      return true;
    }
    const [, verb = '', argument = ''] = /^(\S*) ?(.*)$/s.exec(line) ?? [];
    const command = this.#verbs[verb.toUpperCase()];
    if (command === undefined) await this.#answer(undefined, '502 5.5.2 Command not implemented');
    else await command(argument);
    return verb.toUpperCase() !== 'QUIT';
  }

  readonly #verbs: Readonly<Record<string, (argument: string) => Promise<unknown>>> = {
    EHLO: async (name) => await this.#hello(name, [this.#sink.name, ...this.#extensions()]),
    HELO: async (name) => await this.#hello(name, [this.#sink.name]),
    STARTTLS: async () => {
      if (this.#sink.certificate === undefined || this.encrypted) return this.#answer(undefined, '502 5.5.1 Not offered');
      await this.#answer(undefined, '220 2.0.0 Ready');
      return this.#encrypt();
    },
    AUTH: async (argument) => await this.#authenticate(argument),
    MAIL: async (argument) => await this.#mail(argument),
    RCPT: async (argument) => await this.#rcpt(argument),
    DATA: async () => await this.#data(),
    RSET: async () => {
      this.#transaction = undefined;
      await this.#answer(undefined, '250 2.0.0 Ok');
    },
    NOOP: async () => await this.#answer(undefined, '250 2.0.0 Ok'),
    VRFY: async () => await this.#answer(undefined, '252 2.5.0 Perhaps'),
    QUIT: async () => await this.#answer(undefined, '221 2.0.0 Bye'),
  };

  #extensions(): readonly string[] {
    const { certificate, extensions } = this.#sink;
    return certificate !== undefined && !this.encrypted ? [...extensions, 'STARTTLS'] : extensions;
  }

  async #hello(name: string, lines: readonly string[]): Promise<void> {
    this.clientName = name;
    this.#transaction = undefined;
    await this.#answer(undefined, lines.map((line, index) => `250${index === lines.length - 1 ? ' ' : '-'}${line}`).join('\r\n'));
  }

  /** PLAIN with or without an initial response, and LOGIN (RFC 4954 section 4): whatever is given is right. */
  async #authenticate(argument: string): Promise<void> {
    const [mechanism = '', initial] = argument.split(' ');
    const given: string[] = initial === undefined ? [] : [initial];
    const wanted = mechanism.toUpperCase() === 'LOGIN' ? ['VXNlcm5hbWU6', 'UGFzc3dvcmQ6'] : [''];
    for (const challenge of wanted.slice(given.length)) {
      await this.#answer(undefined, `334 ${challenge}`);
      given.push((await this.#reader.line()) ?? '');
    }
    this.authentication = given.map((part) => Buffer.from(part, 'base64').toString()).join('\0');
    await this.#answer(undefined, '235 2.7.0 Ok');
  }

  async #mail(argument: string): Promise<void> {
    const { path, parameters } = pathOf(argument);
    const accepted = await this.#answer(this.#sink.script().mail?.(path, parameters, this), '250 2.1.0 Ok');
    this.#transaction = accepted ? { reversePath: path, parameters, recipients: [] } : undefined;
  }

  async #rcpt(argument: string): Promise<void> {
    if (this.#transaction === undefined) return void (await this.#answer(undefined, '503 5.5.1 MAIL first'));
    const recipient = pathOf(argument);
    const accepted = await this.#answer(this.#sink.script().rcpt?.(recipient.path, recipient.parameters, this), '250 2.1.5 Ok');
    if (accepted) this.#transaction.recipients.push(recipient);
  }

  async #data(): Promise<void> {
    const transaction = this.#transaction;
    if (transaction === undefined || transaction.recipients.length === 0) return void (await this.#answer(undefined, '503 5.5.1 No recipient'));
    if (!(await this.#answer(this.#sink.script().data?.(transaction, this), '354 Go on', '3'))) return;
    const content = await this.#reader.content();
    if (content === undefined) return;
    this.#transaction = undefined;
    await this.#take({ ...transaction, content, connection: this, reply: undefined });
  }

  async #take(message: Omit<SinkMessage, 'reply'> & { reply: string | undefined }): Promise<void> {
    const action = (await this.#sink.script().message?.(message, this)) ?? '250 2.0.0 Ok: taken';
    if (typeof action === 'string') message.reply = action;
    if (typeof action !== 'string' || action.startsWith('2')) this.#sink.taken(message);
    await this.#answer(action, '');
  }

  /** Does what the script says, or else answers `usual`; whether that was a positive reply (`2yz`, or as given). */
  async #answer(scripted: SinkAnswer, usual: string, positive = '2'): Promise<boolean> {
    const action = (await scripted) ?? usual;
    if (action === HANG) await this.#silence();
    if (action === DROP || action === HANG) throw new Dropped();
    this.#socket.write(`${action}\r\n`);
    return action.startsWith(positive);
  }

  async #silence(): Promise<void> {
    while ((await this.#reader.line()) !== undefined);
  }

  #encrypt(): void {
    const { cert, key } = this.#sink.certificate ?? { cert: '', key: '' };
    this.#reader.detach();
    this.#socket = new TLSSocket(this.#raw, { isServer: true, secureContext: createSecureContext({ cert, key }) });
    this.#socket.on('error', () => this.drop()); // a failed handshake ends the connection; the client sees it too
    this.#reader = lineReader(this.#socket);
    this.encrypted = true;
  }
}

/** The script said DROP, or HANG and the client has given up. */
class Dropped extends Error {}

/** `FROM:<path> KEY=value ...` or `TO:<path> ...` */
function pathOf(argument: string): SinkRecipient {
  const [, path = '', rest = ''] = /^(?:FROM|TO): ?<(.*?)>(?: (.*))?$/i.exec(argument) ?? [];
  const pairs = rest.split(' ').filter((word) => word !== '');
  return { path, parameters: new Map(pairs.map((pair) => parameterOf(pair))) };
}

function parameterOf(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair.toUpperCase(), ''] : [pair.slice(0, at).toUpperCase(), pair.slice(at + 1)];
}
