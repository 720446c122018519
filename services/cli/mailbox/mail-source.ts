// What import reads from: messages of mailboxes, each with a name by which a later run knows it again. Types only.

export interface SourceMessage {
  /** The same at each run, different for each message of its mailbox. No line ends. */
  readonly key: string;
  readonly flags: readonly string[];
  /** Milliseconds since the epoch (RFC 9051 section 2.3.3). */
  readonly receivedAt: number;
  /** The message with CR LF; null when it has gone since it was listed. */
  content(): Promise<AsyncIterable<Buffer> | null>;
}

export interface SourceMailbox {
  /** With `/` between its levels; `INBOX` for the top. */
  readonly name: string;
  /** In the order in which they came. */
  readonly messages: readonly SourceMessage[];
}

export interface MailSource extends AsyncDisposable {
  /** What it is called in messages: `Maildir`, `mbox`. */
  readonly kind: string;
  /** One at a time, for a list of a hundred thousand messages is not small. */
  mailboxes(): AsyncIterable<SourceMailbox>;
  /** Links and special files: so far. */
  readonly passedOver: number;
}
