// Gathers what SEARCH looks at while a message is read: the decoded words of text parts, names of attachments, nested messages' subjects.
// Owns a bounded amount of text and of octets that are not decoded yet.
import { decodeCharset } from './charset.ts';
import { decodeWords } from './encoded-words.ts';
import { htmlText } from './html-text.ts';
import { decodeParameter, parameter } from './parameters.ts';
import type { Envelope, EnvelopeAddress, Part } from './parsed-message.ts';
import { type TransferDecoder, transferDecoder } from './transfer-decoding.ts';

/** Octets of one text part that are decoded at most: HTML can be all tags. */
const MOST_OCTETS = 1024 * 1024;

interface OpenText {
  readonly part: Part;
  readonly decoder: TransferDecoder;
  readonly octets: Buffer[];
  room: number;
  cut: boolean;
}

export class SearchTextCollector {
  readonly #pieces: string[] = [];
  #room: number;
  #open: OpenText | null = null;

  constructor(characters: number) {
    this.#room = characters;
  }

  /** What a nested message says in its header. */
  addEnvelope(envelope: Envelope): void {
    if (this.#room <= 0) return;
    this.#add(decodeWords(envelope.subject ?? ''));
    for (const list of [envelope.from, envelope.to, envelope.cc]) this.#add(addressText(list));
  }

  /** True: the octets of this leaf are wanted. */
  begin(part: Part): boolean {
    if (this.#room <= 0) return false;
    this.#add(decodeParameter(part.disp?.[1] ?? [], 'filename') ?? decodeParameter(part.params ?? [], 'name') ?? '');
    const decoder = /^text\//i.test(part.type ?? 'text/plain') && this.#room > 0 ? transferDecoder(part.enc ?? '') : null;
    if (decoder) this.#open = { part, decoder, octets: [], room: Math.min(MOST_OCTETS, this.#room * 4), cut: false };
    return decoder !== null;
  }

  write(octets: Buffer): void {
    if (this.#open && this.#open.room > 0) keep(this.#open, this.#open.decoder.write(octets));
  }

  end(): void {
    const open = this.#open;
    this.#open = null;
    if (!open) return;
    keep(open, open.decoder.end());
    const octets = Buffer.concat(open.octets);
    const text = decodeCharset(open.cut ? withoutLastCharacter(octets) : octets, parameter(open.part.params, 'charset') ?? '');
    this.#add(/^text\/html$/i.test(open.part.type ?? '') ? htmlText(text) : text.trim());
  }

  text(): string {
    return this.#pieces.join('\n');
  }

  #add(text: string): void {
    if (text === '' || this.#room <= 0) return;
    const piece = text.length > this.#room ? text.slice(0, this.#room) : text;
    this.#room -= piece.length + 1;
    this.#pieces.push(piece);
  }
}

function keep(open: OpenText, decoded: Buffer): void {
  const piece = decoded.subarray(0, open.room);
  if (piece.length < decoded.length) open.cut = true;
  if (piece.length > 0) open.octets.push(piece);
  open.room -= piece.length;
}

/** The octets up to the last that is ASCII: what follows could be half a character. At most four go. */
function withoutLastCharacter(octets: Buffer): Buffer {
  let end = octets.length;
  while (end > octets.length - 4 && (octets[end - 1] ?? 0) >= 0x80) end--;
  return octets.subarray(0, end);
}

/** Addresses as a person would write them, names decoded: what SEARCH FROM looks at (RFC 9051 section 6.4.4). */
export function addressText(addresses: readonly EnvelopeAddress[] = []): string {
  return addresses
    .filter(([, mailbox]) => mailbox !== null)
    .map(([name, mailbox, host]) => {
      if (host === null) return `${decodeWords(mailbox ?? '')}:`;
      const address = host === '' ? mailbox : `${mailbox}@${host}`;
      return name ? `${decodeWords(name)} <${address}>` : address;
    })
    .join(', ');
}
