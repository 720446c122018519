// What the mail store keeps of a message so that IMAP never parses it again: pure data that survives JSON unchanged, what has
// its default left out. Offsets and sizes are octets, counted from the start of the content (an owner's own header not included).

/** One parse of a message. `index` is kept with the message as one JSON value; the rest feeds columns and the full-text index. */
export interface ParsedMessage {
  readonly index: MessageIndex;
  readonly search: SearchText;
  readonly sort: SortKeys;
  readonly thread: ThreadKeys;
}

/** What FETCH answers from: ENVELOPE, BODY, BODYSTRUCTURE, where each section lies, and the fields that clients list. */
export interface MessageIndex {
  /** Version of this format. */
  readonly v: 1;
  readonly env: Envelope;
  /** The message itself as a part: `head` is 0. */
  readonly root: Part;
  readonly fields: HeaderIndex;
  /** A limit was met: what lies beyond it is content of the last part read, or left out. */
  readonly cut?: true;
}

/**
 * RFC 9051 section 7.5.2: the envelope structure. Texts are unfolded and otherwise as written (encoded words stay: decodeWords
 * reads them; UTF-8 of RFC 6532 stays too). Absent: the field is. Sender and Reply-To are not defaulted here.
 */
export interface Envelope {
  readonly date?: string;
  readonly subject?: string;
  readonly from?: readonly EnvelopeAddress[];
  readonly sender?: readonly EnvelopeAddress[];
  readonly replyTo?: readonly EnvelopeAddress[];
  readonly to?: readonly EnvelopeAddress[];
  readonly cc?: readonly EnvelopeAddress[];
  readonly bcc?: readonly EnvelopeAddress[];
  readonly inReplyTo?: string;
  readonly messageId?: string;
}

/**
 * RFC 9051 section 7.5.2: `[name, mailbox, host, source route]`, the last absent when there is none. A group begins with
 * `[null, group name, null]` and ends with `[null, null, null]`.
 */
export type EnvelopeAddress = readonly [name: string | null, mailbox: string | null, host: string | null, route?: string];

/** A MIME entity (RFC 2045 section 2.4). Its header is `[head, body)`, its body `[body, body + size)`. */
export interface Part {
  /** `type/subtype` as written. Absent: `text/plain`. */
  readonly type?: string;
  readonly params?: Params;
  readonly id?: string;
  readonly desc?: string;
  /** Content-Transfer-Encoding as written. Absent: `7bit`. */
  readonly enc?: string;
  readonly md5?: string;
  readonly disp?: readonly [type: string, params?: Params];
  readonly lang?: readonly string[];
  readonly loc?: string;
  readonly head: number;
  readonly body: number;
  readonly size: number;
  /** Line ends in the body, of text and message/rfc822. Absent: 0. */
  readonly lines?: number;
  /** Of a multipart, and only of one; empty when no part was found. */
  readonly parts?: readonly Part[];
  /** Of a message/rfc822 or message/global, absent when a limit or an encoding kept it from being read. */
  readonly msg?: { readonly env: Envelope; readonly root: Part };
}

/**
 * Names and values in turn: `['charset', 'utf-8', 'format', 'flowed']`. Continuations are joined; a value in RFC 2231 form has
 * the name with its asterisk: `['filename*', "utf-8''%c3%bc.txt"]`.
 */
export type Params = readonly string[];

/** The fields of the message's own header, in its order. */
export interface HeaderIndex {
  /** Whole fields byte for byte (they are UTF-8), name and line ends included: HEADER.FIELDS is answered from these when it can be. */
  readonly kept: readonly string[];
  /** Names, lower case, each once, of the fields that are not kept: bulky, trace, over a limit or not UTF-8. `*` when not all are known. */
  readonly left: readonly string[];
}

/** Decoded texts (RFC 2047, RFC 2231, charsets), bounded, for SEARCH. Not normalised, not lower-cased. */
export interface SearchText {
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  readonly bcc: string;
  readonly subject: string;
  /** Fields that are kept, `Name: value` a line: with `body` what SEARCH TEXT looks at. */
  readonly header: string;
  /** Text parts, HTML without its tags, attachments' names, and subjects and addresses of nested messages. */
  readonly body: string;
}

/** RFC 5256 section 3 and RFC 9051 section 6.4.4 (SENTBEFORE, SENTON, SENTSINCE). */
export interface SortKeys {
  /** The Date field: milliseconds since the epoch, and the date as it was at the sender (days since 1970-01-01). Absent: unreadable. */
  readonly sent?: { readonly at: number; readonly day: number };
  /** Base subject (RFC 5256 section 2.1), in capitals, as this and the next are compared (RFC 5256 section 3). */
  readonly subject: string;
  /** The mailbox (local-part) of the first address, in capitals. */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
}

/** RFC 5256 section 3 (REFERENCES). Message ids without angle brackets. */
export interface ThreadKeys {
  /** Absent: none, or not a message id. */
  readonly id?: string;
  /** Oldest first, at most 100: References, else the first id of In-Reply-To. */
  readonly references: readonly string[];
  /** The subject says reply or forward (RFC 5256 section 2.1). */
  readonly reply: boolean;
}
