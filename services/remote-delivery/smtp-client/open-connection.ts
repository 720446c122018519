// Opens a connection to one address of a next hop: greeting, EHLO, TLS, AUTH. A next hop that cannot be used is an outcome;
// nothing here throws for what the other side does.
import { connect, type Socket } from 'node:net';
import type { AttemptFacts, Delayed, Failed, Reply } from '#shared/smtp/outcome.ts';
import { authenticate, type Credentials } from './auth.ts';
import { Channel } from './channel.ts';
import { line } from './commands.ts';
import { GOODBYE, SmtpConnection } from './connection.ts';
import { type Capabilities, NO_CAPABILITIES, parseEhlo } from './ehlo.ts';
import { type Loss, LostError, laterOutcome, losses, lossOutcome, peerName, replyOutcome, replyText } from './loss.ts';
import type { Timeouts } from './request.ts';
import { type SessionCache, secure, type TlsFacts, type TlsPolicy } from './starttls.ts';

export interface ConnectionOptions {
  /** The name that the certificate must bear. */
  readonly host: string;
  /** An IP literal. */
  readonly address: string;
  readonly port: number;
  readonly localAddress?: string;
  /** Our own name, for EHLO (RFC 5321 section 4.1.4). */
  readonly hostname: string;
  readonly tls: TlsPolicy;
  /** Used with `verify` and `implicit` only. */
  readonly credentials?: Credentials;
  readonly sessions: SessionCache;
  /** Milliseconds. `connect` also bounds the TLS handshake. */
  readonly timeouts: Timeouts & { readonly connect: number; readonly greeting: number };
}

export type Opened = { readonly kind: 'open'; readonly connection: SmtpConnection } | { readonly kind: 'refused'; readonly outcome: Delayed | Failed };

/** Opens a connection that is ready for mail, or says why there is none. `failed` means that this host takes no mail (RFC 7504). */
export async function openConnection(options: ConnectionOptions): Promise<Opened> {
  const facts: AttemptFacts = { host: options.host, address: options.address };
  let channel: Channel | undefined;
  try {
    channel = new Channel(await dial(options));
    const greeted = await new Opening(channel, options, facts).run();
    if (greeted instanceof SmtpConnection) return { kind: 'open', connection: greeted };
    // Whether it closes its end is not worth waiting for: there is another host to try.
    void channel.quit(GOODBYE);
    return { kind: 'refused', outcome: greeted };
  } catch (error) {
    if (!(error instanceof LostError)) {
      channel?.lose(losses.aborted('an error of ours'));
      throw error;
    }
    // RFC 3207 section 4.1 and RFC 7435: no worse than without TLS, on a connection of its own.
    if (error.loss.status === '4.7.5' && options.tls.mode === 'opportunistic') return openConnection({ ...options, tls: { mode: 'none' } });
    return { kind: 'refused', outcome: lossOutcome(facts, error.loss, 'site') };
  }
}

/** The TCP connection. Throws LostError. */
function dial({ address, port, localAddress, timeouts }: ConnectionOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
    const refuse = (loss: Loss) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new LostError(loss));
    };
    const timer = setTimeout(() => refuse(losses.connect('timed out')), timeouts.connect);
    socket.once('error', (error: NodeJS.ErrnoException) => refuse(losses.connect(error.code ?? error.message)));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}

class Opening {
  readonly #channel: Channel;
  readonly #options: ConnectionOptions;
  readonly #facts: AttemptFacts;
  #offered: Capabilities = NO_CAPABILITIES;
  #tls: TlsFacts | undefined;

  constructor(channel: Channel, options: ConnectionOptions, facts: AttemptFacts) {
    this.#channel = channel;
    this.#options = options;
    this.#facts = facts;
  }

  async run(): Promise<SmtpConnection | Delayed | Failed> {
    const { mode } = this.#options.tls;
    if (mode === 'implicit') await this.#secure();
    // A tarpit is waited for here, in as few frames as can be.
    const greeting = await this.#channel.nextReply(this.#options.timeouts.greeting, 'the greeting');
    const refusal = this.#greeted(greeting) ?? (await this.#hello()) ?? (await this.#startTls()) ?? (await this.#login());
    if (refusal) return refusal;
    const facts = this.#tls ? { ...this.#facts, tls: this.#tls } : this.#facts;
    return new SmtpConnection({ channel: this.#channel, facts, offered: this.#offered, timeouts: this.#options.timeouts });
  }

  #greeted(reply: Reply): Delayed | Failed | null {
    if (reply.code === 220) return null;
    // RFC 7504 section 4: a host that never takes mail. Any other 5yz greeting says nothing of this message.
    return reply.code === 521 ? replyOutcome(this.#facts, reply, 'site', 'the connection') : this.#refused(reply, 'the connection');
  }

  /** RFC 5321 section 3.2: HELO for who does not know EHLO. */
  async #hello(): Promise<Delayed | null> {
    const { hostname } = this.#options;
    const ehlo = await this.#command(line(`EHLO ${hostname}`), 'EHLO');
    if (ehlo.code === 250) {
      this.#offered = parseEhlo(ehlo);
      return null;
    }
    const helo = ehlo.code >= 500 ? await this.#command(line(`HELO ${hostname}`), 'HELO') : ehlo;
    this.#offered = NO_CAPABILITIES;
    return helo.code === 250 ? null : this.#refused(helo, 'HELO');
  }

  async #startTls(): Promise<Delayed | null> {
    const { mode } = this.#options.tls;
    if (mode === 'none' || mode === 'implicit') return null;
    const reply = this.#offered.startTls ? await this.#command('STARTTLS\r\n', 'STARTTLS') : null;
    if (reply?.code === 220) {
      await this.#secure();
      // RFC 3207 section 4.2: what was learnt in the clear is forgotten.
      return this.#hello();
    }
    if (mode === 'opportunistic') return null;
    return this.#unsafe(reply ? `it said ${replyText(reply)} to STARTTLS` : 'it does not offer STARTTLS');
  }

  async #login(): Promise<Delayed | null> {
    const { credentials, timeouts } = this.#options;
    if (!credentials) return null;
    if (!this.#tls?.verified) return this.#unsafe('credentials are sent over verified TLS only');
    const reply = await authenticate(this.#channel, this.#offered, credentials, timeouts.command);
    if (reply?.code === 235) return null;
    return reply ? this.#refused(reply, 'AUTH') : this.#unsafe('it offers neither AUTH PLAIN nor AUTH LOGIN');
  }

  async #secure(): Promise<void> {
    const { host, tls, sessions, timeouts } = this.#options;
    this.#tls = await secure(this.#channel, host, tls, sessions, timeouts.connect);
  }

  #command(text: string, doing: string): Promise<Reply> {
    return this.#channel.command(text, this.#options.timeouts.command, doing);
  }

  /** Whatever class the reply has: it is about the host, and people can mend it. */
  #refused(reply: Reply, during: string): Delayed {
    return laterOutcome(this.#facts, reply, 'site', during);
  }

  /** RFC 3463 section 3.8: 4.7.4, security features not supported. */
  #unsafe(why: string): Delayed {
    return { kind: 'delayed', scope: 'site', status: '4.7.4', diagnostic: `${peerName(this.#facts)}: ${why}`, ...this.#facts };
  }
}
