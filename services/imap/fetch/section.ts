// Sections of a message: `BODY[1.2.HEADER.FIELDS (To)]<0.100>` and where they lie (RFC 9051 section 6.4.5.1). Pure.
import type { MessageIndex, Part } from '#shared/mail/mime/parsed-message.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';

export interface Section {
  /** Part numbers, outermost first; empty for the message. */
  readonly path: readonly number[];
  readonly what: 'all' | 'header' | 'fields' | 'fields not' | 'text' | 'mime';
  /** For `fields`: as written. */
  readonly fields: readonly string[];
}

/** `<start.length>`: octets of the section. */
export interface Partial {
  readonly start: number;
  readonly length: number;
}

/** Octets from `start` up to, not including, `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

const SECTION = /^(?:(\d+(?:\.\d+)*)(?:\.|$))?(HEADER|HEADER\.FIELDS|HEADER\.FIELDS\.NOT|TEXT|MIME)?$/i;
const WHAT: Readonly<Record<string, Section['what']>> = {
  ...{ HEADER: 'header', 'HEADER.FIELDS': 'fields', 'HEADER.FIELDS.NOT': 'fields not', TEXT: 'text', MIME: 'mime' },
};
export const WHOLE: Section = { path: [], what: 'all', fields: [] };

/** Reads on behind `[`; `text` is what stood there as an atom. Takes the `]`. Throws BadSyntax. */
export function readSection(text: string, args: ArgumentReader): Section {
  const match = SECTION.exec(text);
  const what = WHAT[(match?.[2] ?? '').toUpperCase()] ?? 'all';
  const path = readPath(match?.[1] ?? '');
  if (!match || text.endsWith('.') || (what === 'mime' && path.length === 0)) throw new BadSyntax('Unknown section of a message');
  const fields = what === 'fields' || what === 'fields not' ? readFieldNames(args) : [];
  args.expect(']');
  return { path, what, fields };
}

/** `1.2.3`, or nothing. */
export function readPath(text: string): readonly number[] {
  if (text === '') return [];
  if (!/^[1-9]\d{0,9}(?:\.[1-9]\d{0,9})*$/.test(text)) throw new BadSyntax('Part numbers are numbers above zero with dots between them');
  return text.split('.').map(Number);
}

function readFieldNames(args: ArgumentReader): readonly string[] {
  args.space();
  return args.list(() => args.astring());
}

/** Behind `]`: `<start.length>`, or null. */
export function readPartial(args: ArgumentReader): Partial | null {
  if (args.peek() !== '<') return null;
  const [, start, length] = /^<(\d{1,19})\.(\d{1,19})>$/.exec(args.atom()) ?? [];
  if (start === undefined || Number(length) === 0) throw new BadSyntax('Expected <start.length>');
  return { start: Number(start), length: Number(length) };
}

/** The part with these numbers (RFC 9051 section 6.4.5.1), or null when there is none. The message itself for no numbers. */
export function partAt(root: Part, path: readonly number[]): Part | null {
  let part: Part = root;
  // A message that is no multipart has itself as part 1.
  let inMessage = true;
  for (const number of path) {
    const message: Part | undefined = inMessage ? part : part.msg?.root;
    const parts: readonly Part[] | undefined = message ? (message.parts ?? [message]) : part.parts;
    const found: Part | undefined = parts?.[number - 1] ?? (number === 1 && parts?.length === 0 ? emptyPart(part) : undefined);
    if (!found) return null;
    part = found;
    inMessage = false;
  }
  return part;
}

/** What stands for the parts of a multipart in which none was found: RFC 9051 section 9 wants at least one. */
export function emptyPart({ body, size }: Part): Part {
  return { head: body + size, body: body + size, size: 0 };
}

/** Where the section lies in own header (`own` octets) and content together; null: there is no such section. `fields` is where its header lies. */
export function locate({ root }: MessageIndex, own: number, { path, what }: Section): Range | null {
  if (path.length === 0) return locateIn(root, 0, own, what);
  const part = partAt(root, path);
  if (!part) return null;
  if (what === 'mime') return range(own + part.head, own + part.body);
  if (what === 'all') return range(own + part.body, own + part.body + part.size);
  // RFC 9051 section 6.4.5.1: HEADER and TEXT are of the message in a message/rfc822 part.
  return part.msg ? locateIn(part.msg.root, own + part.msg.root.head, own, what) : null;
}

function locateIn(root: Part, start: number, own: number, what: Section['what']): Range {
  const body = own + root.body;
  const end = body + root.size;
  if (what === 'all') return range(start, end);
  return what === 'text' ? range(body, end) : range(start, body);
}

const range = (start: number, end: number): Range => ({ start, end });

/** The part of the range that is asked for; beyond its end there is nothing (RFC 9051 section 6.4.5). */
export function clip({ start, end }: Range, partial: Partial | null): Range {
  if (!partial) return { start, end };
  const from = Math.min(end, start + partial.start);
  return { start: from, end: Math.min(end, from + partial.length) };
}
