// TLS on a connection that stands: after STARTTLS (RFC 3207) or at once (implicit TLS, RFC 8314 section 3.3). It owns nothing; a failed
// handshake loses the connection, for RFC 3207 section 4.1 leaves it in no state to go on.
import { isIP } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { AttemptFacts } from '#shared/smtp/outcome.ts';
import type { Channel } from './channel.ts';
import { LostError, losses } from './loss.ts';

/**
 * - `none`: never.
 * - `opportunistic`: when offered, whatever the certificate; in the clear when the handshake fails (RFC 7435).
 * - `verify`: STARTTLS and a valid certificate, or nothing is sent.
 * - `implicit`: TLS from the first octet, and a valid certificate.
 */
export type TlsMode = 'none' | 'opportunistic' | 'verify' | 'implicit';

export interface TlsPolicy {
  readonly mode: TlsMode;
  /** PEM of trusted authorities instead of the system's. */
  readonly ca?: string;
}

/** Sessions for resumption, kept by who opens connections. */
export interface SessionCache {
  get(): Buffer | undefined;
  set(session: Buffer): void;
}

export type TlsFacts = NonNullable<AttemptFacts['tls']>;

/** Does the handshake within `milliseconds` and returns what was agreed. Throws LostError. */
export async function secure(channel: Channel, host: string, policy: TlsPolicy, sessions: SessionCache, milliseconds: number): Promise<TlsFacts> {
  if (channel.loss) throw new LostError(channel.loss);
  const socket = connect(options(channel, host, policy, sessions));
  channel.replaceSocket(socket);
  socket.on('session', (session) => sessions.set(session));
  await handshake(channel, socket, milliseconds);
  return { version: socket.getProtocol() ?? 'unknown', cipher: socket.getCipher().name, verified: socket.authorized };
}

function options(channel: Channel, host: string, policy: TlsPolicy, sessions: SessionCache): ConnectionOptions {
  const session = sessions.get();
  return {
    socket: channel.socket,
    host,
    // RFC 6066 section 3: an address is no server name.
    ...(isIP(host) ? {} : { servername: host }),
    rejectUnauthorized: policy.mode !== 'opportunistic',
    minVersion: 'TLSv1.2',
    ...(policy.ca === undefined ? {} : { ca: policy.ca }),
    ...(session ? { session } : {}),
  };
}

function handshake(channel: Channel, socket: TLSSocket, milliseconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.expectWithin(milliseconds, 'the TLS handshake');
    channel.receive({
      onReply: () => channel.lose(losses.garbage('a reply within the TLS handshake')),
      onLoss: (loss) => reject(new LostError({ ...loss, status: '4.7.5', diagnostic: `TLS: ${loss.diagnostic}` })),
    });
    socket.once('secureConnect', () => {
      channel.receive(null);
      resolve();
    });
  });
}
