// ENVELOPE, BODY and BODYSTRUCTURE as they are written (RFC 9051 section 7.5.2). Pure. To a client without UTF-8, texts for people are encoded words.
import { encodeWords } from '#shared/mail/mime/encoded-words.ts';
import { parameter } from '#shared/mail/mime/parameters.ts';
import type { Envelope, EnvelopeAddress, Params, Part } from '#shared/mail/mime/parsed-message.ts';
import { isMessage } from '#shared/mail/mime/part-type.ts';
import { type Piece, string } from '../response/strings.ts';
import { emptyPart } from './section.ts';

/** The envelope. `utf8`: the client understands UTF-8 in quoted strings (RFC 6855 section 3). */
export function envelopePieces(envelope: Envelope, utf8: boolean): readonly Piece[] {
  const text = new StructureText(utf8);
  text.envelope(envelope);
  return text.pieces();
}

/** The structure; `extensible` for BODYSTRUCTURE, else BODY. */
export function structurePieces(root: Part, utf8: boolean, extensible: boolean): readonly Piece[] {
  const text = new StructureText(utf8);
  text.part(root, extensible);
  return text.pieces();
}

/** Characters of one piece, about: ten thousand parts have a million. */
const LONG = 16 * 1024;

class StructureText {
  readonly #utf8: boolean;
  readonly #pieces: Piece[] = [];
  #text = '';

  constructor(utf8: boolean) {
    this.#utf8 = utf8;
  }

  pieces(): readonly Piece[] {
    this.#flush();
    return this.#pieces;
  }

  envelope(envelope: Envelope): void {
    this.#add('(');
    this.#nstring(envelope.date);
    this.#space();
    this.#human(envelope.subject);
    const { from } = envelope;
    // RFC 9051 section 7.5.2: Sender and Reply-To that are absent or empty are From.
    for (const list of [from, envelope.sender ?? from, envelope.replyTo ?? from, envelope.to, envelope.cc, envelope.bcc]) {
      this.#space();
      this.#addresses(list);
    }
    for (const id of [envelope.inReplyTo, envelope.messageId]) {
      this.#space();
      this.#nstring(id);
    }
    this.#add(')');
  }

  part(part: Part, extensible: boolean): void {
    this.#add('(');
    if (part.parts) this.#multipart(part, part.parts, extensible);
    else this.#single(part, extensible);
    this.#add(')');
  }

  #multipart(part: Part, parts: readonly Part[], extensible: boolean): void {
    for (const child of parts.length > 0 ? parts : [emptyPart(part)]) this.part(child, extensible);
    this.#space();
    this.#string(splitType(part)[1]);
    if (!extensible) return;
    this.#space();
    this.#params(part.params);
    this.#space();
    this.#extensions(part);
  }

  #single(part: Part, extensible: boolean): void {
    const [type, subtype] = splitType(part);
    const isText = type.toLowerCase() === 'text';
    this.#string(type);
    this.#space();
    this.#string(subtype);
    this.#space();
    // RFC 2046 section 4.1.2: us-ascii where nothing is said
    if (isText && parameter(part.params, 'charset') === undefined) this.#params(['charset', 'us-ascii', ...(part.params ?? [])]);
    else this.#params(part.params);
    this.#space();
    this.#nstring(part.id);
    this.#space();
    this.#human(part.desc);
    this.#space();
    this.#string(part.enc ?? '7bit');
    this.#add(` ${part.size}`);
    if (this.#isMessage(part)) {
      const { env, root } = part.msg ?? { env: {}, root: emptyPart(part) };
      this.#space();
      this.envelope(env);
      this.#space();
      this.part(root, extensible);
      this.#add(` ${part.lines ?? 0}`);
    } else if (isText) this.#add(` ${part.lines ?? 0}`);
    if (!extensible) return;
    this.#space();
    this.#nstring(part.md5);
    this.#space();
    this.#extensions(part);
  }

  /** A client of IMAP4rev1 alone does not know message/global as a message (RFC 9051 section 9, media-message). */
  #isMessage(part: Part): boolean {
    return isMessage(part) && (this.#utf8 || !/global$/i.test(part.type ?? ''));
  }

  #extensions({ disp, lang, loc }: Part): void {
    if (disp) {
      this.#add('(');
      this.#string(disp[0]);
      this.#space();
      this.#params(disp[1]);
      this.#add(')');
    } else this.#add('NIL');
    this.#space();
    this.#languages(lang);
    this.#space();
    this.#nstring(loc);
  }

  #languages(tags: readonly string[] | undefined): void {
    if (!tags) return this.#add('NIL');
    if (tags.length === 1) return this.#string(tags[0] ?? '');
    this.#list(tags);
  }

  #params(params: Params | undefined): void {
    if (params && params.length > 0) this.#list(params);
    else this.#add('NIL');
  }

  #list(texts: readonly string[]): void {
    this.#add('(');
    for (const [index, text] of texts.entries()) {
      if (index > 0) this.#space();
      this.#string(text);
    }
    this.#add(')');
  }

  #addresses(addresses: readonly EnvelopeAddress[] | undefined): void {
    if (!addresses || addresses.length === 0) return this.#add('NIL');
    this.#add('(');
    for (const [name, mailbox, host, route] of addresses) {
      this.#add('(');
      this.#human(name ?? undefined);
      this.#space();
      this.#nstring(route);
      this.#space();
      this.#nstring(mailbox ?? undefined);
      this.#space();
      this.#nstring(host ?? undefined);
      this.#add(')');
    }
    this.#add(')');
  }

  /** A text that people read. */
  #human(text: string | undefined): void {
    this.#nstring(text === undefined || this.#utf8 ? text : encodeWords(text));
  }

  #nstring(text: string | undefined): void {
    if (text === undefined) this.#add('NIL');
    else this.#string(text);
  }

  #string(text: string): void {
    const piece = string(text, this.#utf8);
    if (typeof piece === 'string') return this.#add(piece);
    this.#flush();
    this.#pieces.push(piece);
  }

  #space(): void {
    this.#add(' ');
  }

  #add(text: string): void {
    this.#text += text;
    if (this.#text.length > LONG) this.#flush();
  }

  #flush(): void {
    if (this.#text !== '') this.#pieces.push(this.#text);
    this.#text = '';
  }
}

function splitType({ type = 'text/plain' }: Part): [string, string] {
  const slash = type.indexOf('/');
  return [type.slice(0, slash), type.slice(slash + 1)];
}
