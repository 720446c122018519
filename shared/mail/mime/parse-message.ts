// Reads a message once, as it streams by, into all that the mail store keeps of it. Owns nothing beyond the call; malformed content is
// read as well as it can be and never an error. Long reads let the event loop turn.
import { turn } from '../turns.ts';
import { baseSubject } from './base-subject.ts';
import { storable } from './budget.ts';
import { decodeWords } from './encoded-words.ts';
import { type BlockField, fieldText } from './header-block.ts';
import { headerText, indexHeader } from './header-index.ts';
import { parseDate } from './message-date.ts';
import { messageIds } from './message-ids.ts';
import { DEFAULT_LIMITS, type ParseLimits } from './parse-limits.ts';
import type { Envelope, EnvelopeAddress, MessageIndex, ParsedMessage, SearchText, SortKeys, ThreadKeys } from './parsed-message.ts';
import { addressText, SearchTextCollector } from './search-text.ts';
import { StructureReader } from './structure-reader.ts';

/** Octets that are read before the clock is looked at. */
const SLICE = 16 * 1024;

/** Parses a whole content. Rejects only when the source does. */
export async function parseMessage(content: Buffer | AsyncIterable<Buffer>, limits: ParseLimits = DEFAULT_LIMITS): Promise<ParsedMessage> {
  const parser = new MessageParser(limits);
  if (Buffer.isBuffer(content)) await parser.write(content);
  else for await (const piece of content) await parser.write(piece);
  return parser.end();
}

/** The same for a caller that has the content pass by: write each piece, in order, then end. */
export class MessageParser {
  readonly #limits: ParseLimits;
  readonly #text: SearchTextCollector;
  readonly #reader: StructureReader;
  #fields: readonly BlockField[] = [];
  #envelope: Envelope = {};

  constructor(limits: ParseLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
    const text = new SearchTextCollector(limits.text);
    this.#text = text;
    this.#reader = new StructureReader(limits, {
      messageHeader: (fields, envelope, nested) => {
        if (nested) return text.addEnvelope(envelope);
        this.#fields = fields;
        this.#envelope = envelope;
      },
      leafBegins: (part) => text.begin(part),
      leafOctets: (octets) => text.write(octets),
      leafEnds: () => text.end(),
    });
  }

  /** Resolves when the piece is read. Its octets must not change afterwards: text is decoded from them later. */
  async write(piece: Buffer): Promise<void> {
    for (let at = 0; at < piece.length; at += SLICE) {
      this.#reader.write(piece.subarray(at, at + SLICE));
      const later = turn();
      if (later) await later;
    }
  }

  /** Call once, at the end of the content. */
  end(): ParsedMessage {
    const root = this.#reader.end();
    const { budget } = this.#reader;
    const env = this.#envelope;
    const fields = indexHeader(this.#fields, root.body <= this.#limits.header, this.#limits);
    const index: MessageIndex = budget.cut ? { v: 1, env, root, fields, cut: true } : { v: 1, env, root, fields };
    const subject = baseSubject(env.subject ?? '');
    return {
      index,
      search: searchText(env, this.#limits.text > 0 ? headerText(this.#fields) : '', this.#text.text(), this.#limits.text),
      sort: sortKeys(env, subject.base),
      thread: threadKeys(env, this.#fields, subject.reply),
    };
  }
}

function searchText(env: Envelope, header: string, body: string, most: number): SearchText {
  const [from, to, cc, bcc] = [env.from, env.to, env.cc, env.bcc].map((list) => storable(addressText(list))) as [string, string, string, string];
  return { from, to, cc, bcc, subject: storable(decodeWords(env.subject ?? '')), header: storable(header.slice(0, most)), body: storable(body) };
}

function sortKeys(env: Envelope, subject: string): SortKeys {
  const sent = parseDate(env.date ?? '');
  const keys = { subject: storable(subject).toUpperCase(), from: firstMailbox(env.from), to: firstMailbox(env.to), cc: firstMailbox(env.cc) };
  return sent ? { sent, ...keys } : keys;
}

/** RFC 5256 section 3: the addr-mailbox of the first address; of a group that is its name. */
function firstMailbox(addresses: readonly EnvelopeAddress[] = []): string {
  return (addresses[0]?.[1] ?? '').toUpperCase();
}

/** RFC 5256 section 3, REFERENCES step 1: an In-Reply-To stands in for References with its first id. */
function threadKeys(env: Envelope, fields: readonly BlockField[], reply: boolean): ThreadKeys {
  const field = fields.find(({ name }) => name === 'references');
  const named = messageIds(field && storable(fieldText(field)));
  const references = named.length > 0 ? named : messageIds(env.inReplyTo).slice(0, 1);
  const [id] = messageIds(env.messageId);
  return id === undefined ? { references, reply } : { id, references, reply };
}
