// What a test can tell its sink to do, and what it can read of a session: the words that the sink and its sessions share.

/** Says nothing any more on this connection, and keeps it open: the client's time-out decides. */
export const HANG = Symbol('hang');
/** Cuts the connection without an answer. */
export const DROP = Symbol('drop');

/** What to do instead of agreeing: a whole reply (`450 4.2.0 Try later`; several lines with `\r\n`), silence or a cut. */
export type SinkAction = string | typeof HANG | typeof DROP;

/** Undefined means: agree, as usual. A promise is awaited, so a test decides when. */
export type SinkAnswer = SinkAction | undefined | Promise<SinkAction | undefined>;

/** One function for each stage; each sees the transaction so far. */
export type SinkScript = {
  /** Instead of the greeting. */
  readonly connect?: (connection: SinkConnection) => SinkAnswer;
  /** Any command with its argument, before its own stage. */
  readonly command?: (line: string, connection: SinkConnection) => SinkAnswer;
  readonly mail?: (reversePath: string, parameters: Parameters, connection: SinkConnection) => SinkAnswer;
  readonly rcpt?: (forwardPath: string, parameters: Parameters, connection: SinkConnection) => SinkAnswer;
  readonly data?: (message: Transaction, connection: SinkConnection) => SinkAnswer;
  /** After the final dot. With DROP or HANG the message counts as taken, and the client cannot know. */
  readonly message?: (message: SinkMessage, connection: SinkConnection) => SinkAnswer;
};

export type Parameters = ReadonlyMap<string, string>;

export type SinkRecipient = { readonly path: string; readonly parameters: Parameters };

export type SinkConnection = {
  /** Counts from 1. */
  readonly number: number;
  readonly remote: { readonly address: string; readonly port: number };
  /** HELO or EHLO name. */
  readonly clientName: string;
  readonly encrypted: boolean;
  /** What AUTH gave, decoded for PLAIN (RFC 4616), else as it was sent. */
  readonly authentication: string | undefined;
  /** Each line the client sent, without content. */
  readonly commands: readonly string[];
};

export type Transaction = {
  /** Without the angle brackets. */
  readonly reversePath: string;
  readonly parameters: Parameters;
  readonly recipients: readonly SinkRecipient[];
};

export type SinkMessage = Transaction & {
  /** As sent, dot-stuffing undone, with its last CR LF. */
  readonly content: Buffer;
  readonly connection: SinkConnection;
  /** What the sink answered; undefined while it has not, or when it hung up. */
  readonly reply: string | undefined;
};
