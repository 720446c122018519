// What a command sees of its session, so that each command is a file that needs no socket.
//
// session: one connection, from greeting to close. transaction: from MAIL to the answer to its data, or RSET (RFC 5321 section 3.3).
import type { BodyType, EnvelopeRecipient } from '#shared/mail/envelope.ts';
import type { TlsFacts } from '#shared/session/tls.ts';
import type { ServerReply } from '#shared/smtp/replies.ts';
import type { DataConsumer } from './command-stream.ts';
import type { Ingress } from './ingress.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { TransactionSpan } from './transaction-span.ts';

export interface Helo {
  /** As given: printable ASCII without spaces. */
  readonly name: string;
  /** EHLO, not HELO. */
  readonly extended: boolean;
}

export interface Transaction {
  readonly reversePath: string;
  readonly body: BodyType;
  readonly smtputf8: boolean;
  /** Octets as declared (RFC 1870); 1 when they are not. */
  readonly size: number;
  readonly ret?: 'full' | 'hdrs';
  readonly envid?: string;
  /** By canonical address: a repeated RCPT replaces the earlier one. */
  readonly recipients: Map<string, EnvelopeRecipient>;
  /** Monotonic milliseconds. */
  readonly startedAt: number;
  readonly span: TransactionSpan;
}

export interface DataReceiver extends DataConsumer {
  /** The session ends before the data did. */
  abandon(): void;
}

/** Takes the client's next line instead of the command table: AUTH exchanges (RFC 4954 section 4). */
export type Continuation = (line: string) => ServerReply | Promise<ServerReply>;

export interface Conversation {
  readonly ingress: Ingress;
  readonly listener: ListenerSettings;
  /** The client's address, from PROXY protocol where that is on. */
  readonly client: string;
  /** The client's address is in a trusted network. */
  readonly trusted: boolean;
  readonly tls: TlsFacts | null;
  helo: Helo | null;
  /** The authenticated identity. */
  user: string | null;
  transaction: Transaction | null;
  continuation: Continuation | null;
  /** Transactions begun in this session. */
  messages: number;
  authFailures: number;
  unknownRecipients: number;
  /** Fires when the session is closed: ends delays. */
  readonly closed: AbortSignal;
  /** Work of ours for which the client waits: its silence is no time-out. */
  working: boolean;
  /** From the next byte on, what comes is message data. */
  receive(receiver: DataReceiver): void;
  /** Message data has ended: its answer, and commands again. */
  endData(reply: ServerReply): void;
  /** Forgets the transaction: RSET, EHLO, the end of data. */
  endTransaction(): void;
  /** The handshake starts when the answer to this command has been sent. */
  upgradeToTls(): void;
  /** The session ends when the answer to this command has been sent. */
  hangUp(): void;
}

/** A command: takes what follows the verb, gives the answer. */
export type Command = (conversation: Conversation, argument: string) => ServerReply | Promise<ServerReply>;
