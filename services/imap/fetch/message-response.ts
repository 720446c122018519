// One FETCH response: the items of one message in the order in which they were asked for, ready to be written. Fails as the store does, before
// anything is written, except when content breaks off in its middle.
import type { Envelope, MessageIndex } from '#shared/mail/mime/parsed-message.ts';
import { turn } from '#shared/mail/turns.ts';
import type { MessageInfo } from '#shared/mailstore/mailbox-store.ts';
import type { ResponseWriter } from '../connection/response-writer.ts';
import { type Literal, Literal as LiteralOctets, type Piece } from '../response/strings.ts';
import { formatDateTime } from '../syntax/date-time.ts';
import { type Decoded, decodedPart } from './binary.ts';
import type { FetchItem, ShortItem } from './fetch-item.ts';
import { keptFields, MOST_HEADER, selectFields } from './header-fields.ts';
import { cut, literalOf, read, type Streamed, withoutNul } from './octets.ts';
import { clip, locate, partAt, type Section, WHOLE } from './section.ts';
import { envelopePieces, structurePieces } from './structure-text.ts';

/** Made when it is its turn to be written. */
type Later = () => Promise<readonly ResponsePart[]>;
export type ResponsePart = Piece | Streamed | Later;
type SectionItem = Extract<FetchItem, { kind: 'section' }>;
type BinaryItem = Extract<FetchItem, { kind: 'binary' }>;

export interface ResponseFacts {
  readonly info: MessageInfo;
  /** `(\Seen)`. */
  readonly flags: string;
  /** Of the flags told. */
  readonly modseq: number;
  readonly utf8: boolean;
}

/** Writes `* n FETCH (...)`. */
export async function writeMessage(out: ResponseWriter, number: number, parts: readonly ResponsePart[]): Promise<void> {
  out.begin();
  out.piece(`${number} FETCH (`);
  await writeParts(out, parts);
  out.piece(')');
  out.end();
}

/** Writes one whose items are all short: a hundred envelopes need not wait for anything between them. */
export function writeShort(out: ResponseWriter, number: number, items: readonly ShortItem[], facts: ResponseFacts): Promise<void> | undefined {
  out.begin();
  out.piece(`${number} FETCH (`);
  for (const [index, item] of items.entries()) {
    if (index > 0) out.piece(' ');
    for (const piece of shortPieces(item, facts)) out.piece(piece);
  }
  out.piece(')');
  out.end();
  return out.ready() ?? turn();
}

async function writeParts(out: ResponseWriter, parts: readonly ResponsePart[]): Promise<void> {
  for (const part of parts) {
    if (typeof part === 'function') await writeLater(out, part);
    else if (isStreamed(part)) await out.stream(part.size, part.octets, part.binary);
    else {
      out.piece(part);
      const later = out.ready() ?? turn();
      if (later) await later;
    }
  }
}

async function writeLater(out: ResponseWriter, later: Later): Promise<void> {
  await out.ready();
  const parts = await later();
  try {
    await writeParts(out, parts);
  } finally {
    await closeAll(parts);
  }
}

/** Octets, about, that a stream holds when it has begun. */
const READ_AT_ONCE = 64 * 1024;
/** Octets, about, of one response that are held before it is begun. Who asks for more at once is cut off if the rest cannot be had. */
const MOST_HELD = 1024 * 1024;

/** What stands between the parentheses. Throws ContentMissingError, UnknownEncodingError. */
export async function messageParts(items: readonly FetchItem[], facts: ResponseFacts): Promise<readonly ResponsePart[]> {
  const parts: ResponsePart[] = [];
  let held = 0;
  try {
    for (const item of items) {
      if (parts.length > 0) parts.push(' ');
      if (held > MOST_HELD) {
        parts.push(async () => itemParts(item, facts));
        continue;
      }
      // Most items are there at once: a hundred envelopes need not wait a hundred times.
      const ready = itemParts(item, facts);
      const its = ready instanceof Promise ? await ready : ready;
      held += its.reduce((sum, part) => sum + octetsHeld(part), 0);
      parts.push(...its);
      const later = turn();
      if (later) await later;
    }
  } catch (error) {
    await closeAll(parts);
    throw error;
  }
  return parts;
}

/** Gives back what a response that is not written holds. */
export async function closeAll(parts: readonly ResponsePart[]): Promise<void> {
  for (const part of parts) if (isStreamed(part)) await part.close();
}

function octetsHeld(part: ResponsePart): number {
  if (typeof part === 'string') return part.length;
  if (typeof part === 'function') return 0;
  return isStreamed(part) ? READ_AT_ONCE : part.octets.length;
}

function itemParts(item: FetchItem, facts: ResponseFacts): readonly ResponsePart[] | Promise<readonly ResponsePart[]> {
  const { info, utf8 } = facts;
  switch (item.kind) {
    case 'BODY':
    case 'BODYSTRUCTURE':
      return [`${item.kind} `, ...structurePieces(indexOf(info).root, utf8, item.kind === 'BODYSTRUCTURE')];
    case 'section':
      return sectionOctets(item, info).then((octets) => [...item.label, ' ', octets]);
    case 'binary':
      return binaryOctets(item, info).then((octets) => [...item.label, ' ', octets]);
    case 'binary size':
      return decoded(item.path, info).then((body) => [...item.label, ` ${body?.size ?? 0}`]);
    default:
      return shortPieces(item, facts);
  }
}

function shortPieces(item: ShortItem, { info, flags, modseq, utf8 }: ResponseFacts): readonly Piece[] {
  switch (item.kind) {
    case 'FLAGS':
      return [`FLAGS ${flags}`];
    case 'UID':
      return [`UID ${info.uid}`];
    case 'MODSEQ':
      return [`MODSEQ (${modseq})`];
    case 'INTERNALDATE':
      return [`INTERNALDATE "${formatDateTime(info.receivedAt)}"`];
    case 'RFC822.SIZE':
      return [`RFC822.SIZE ${info.size}`];
    case 'EMAILID':
      return [`EMAILID (${info.emailId})`];
    case 'THREADID':
      return [`THREADID (${info.threadId})`];
    case 'ENVELOPE':
      return ['ENVELOPE ', ...envelopePieces(envelopeOf(info), utf8)];
  }
}

async function sectionOctets({ section, partial }: SectionItem, info: MessageInfo): Promise<ResponsePart> {
  if (section.what === 'fields' || section.what === 'fields not') {
    const fields = await headerFields(section, info);
    if (!fields) return 'NIL';
    const { start, end } = clip({ start: 0, end: fields.length }, partial);
    return new LiteralOctets(withoutNul(fields.subarray(start, end)));
  }
  const { content } = info;
  const found = section === WHOLE || isWhole(section) ? { start: 0, end: content.size } : locate(indexOf(info), content.ownHeader.length, section);
  if (!found) return 'NIL';
  const { start, end } = clip(found, partial);
  return literalOf(content.read(start, end), end - start);
}

async function headerFields(section: Section, info: MessageInfo): Promise<Buffer | null> {
  const index = indexOf(info);
  const { content } = info;
  const inKept = section.path.length === 0 && section.what === 'fields';
  const kept = inKept ? keptFields(content.ownHeader, index.fields, section.fields) : null;
  if (kept) return kept;
  const found = locate(index, content.ownHeader.length, section);
  if (!found) return null;
  const size = Math.min(found.end - found.start, MOST_HEADER);
  const header = await read(content.read(found.start, found.start + size), size);
  return selectFields(header, section.fields, section.what === 'fields not');
}

async function binaryOctets({ path, partial }: BinaryItem, info: MessageInfo): Promise<Literal | Streamed | 'NIL'> {
  const { content } = info;
  if (path.length === 0) {
    // The whole message has no encoding of its own; it could hold NUL.
    const { start, end } = clip({ start: 0, end: content.size }, partial);
    return literalOf(content.read(start, end), end - start, true);
  }
  const body = await decoded(path, info);
  if (!body) return 'NIL';
  const { start, end } = clip({ start: 0, end: body.size }, partial);
  return literalOf(partial ? cut(body.octets(), start, end - start) : body.octets(), end - start, body.binary);
}

/** Null: there is no such part. */
async function decoded(path: readonly number[], info: MessageInfo): Promise<Pick<Decoded, 'size' | 'binary' | 'octets'> | null> {
  const { content } = info;
  if (path.length === 0) return { size: content.size, binary: true, octets: () => content.read() };
  const part = partAt(indexOf(info).root, path);
  return part ? decodedPart(content, part) : null;
}

function isWhole({ path, what }: Section): boolean {
  return path.length === 0 && what === 'all';
}

function isStreamed(part: ResponsePart): part is Streamed {
  return typeof part === 'object' && 'close' in part;
}

function envelopeOf({ envelope, uid }: MessageInfo): Envelope {
  if (!envelope) throw new Error(`message ${uid} was read without its envelope`);
  return envelope;
}

function indexOf({ index, uid }: MessageInfo): MessageIndex {
  if (!index) throw new Error(`message ${uid} was read without its index`);
  return index;
}
