// What lies in a segment file and how a location names it. Pure values: bytes in, bytes out.
// An entry is a 48-byte header and the content; a sealed segment ends with one more header that carries the entry count.
import { crc32 } from 'node:zlib';
import type { ColdLocation } from '../cold-store.ts';
import { isQueueId, type QueueId } from '../queue-id.ts';

export const HEADER_SIZE = 48;
const ENTRY_MAGIC = Buffer.from('StfE');
const SEAL_MAGIC = Buffer.from('StfZ');
const VERSION = 1;
const ID_AT = 5;
const LENGTH_AT = 32;
const CONTENT_CRC_AT = 36;
const HEADER_CRC_AT = 44;
const NAME = /^[0-9a-z]{8,32}-[0-9a-z]{1,12}$/;

export interface EntryHeader {
  readonly kind: 'entry';
  readonly id: QueueId;
  /** Bytes of content. */
  readonly length: number;
  readonly crc: number;
}

export interface SealHeader {
  readonly kind: 'seal';
  /** Entries in the segment. */
  readonly entries: number;
}

/** Writes the header of `content` at `at`. */
export function writeEntryHeader(target: Buffer, at: number, id: QueueId, content: Buffer): void {
  writeHeader(target, at, ENTRY_MAGIC, id, content.length, crc32(content));
}

/** The header that seals a segment of `entries` entries. */
export function sealHeader(entries: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  writeHeader(header, 0, SEAL_MAGIC, '', entries, 0);
  return header;
}

function writeHeader(target: Buffer, at: number, magic: Buffer, id: string, length: number, crc: number): void {
  target.fill(0, at, at + HEADER_SIZE);
  magic.copy(target, at);
  target[at + 4] = VERSION;
  target.write(id, at + ID_AT, 'latin1');
  target.writeUInt32LE(length, at + LENGTH_AT);
  target.writeUInt32LE(crc, at + CONTENT_CRC_AT);
  target.writeUInt32LE(crc32(target.subarray(at, at + HEADER_CRC_AT)), at + HEADER_CRC_AT);
}

/** The header at `at`, or null when what stands there is none: a half-written tail, or damage. */
export function readHeader(bytes: Buffer, at: number): EntryHeader | SealHeader | null {
  if (at + HEADER_SIZE > bytes.length || bytes[at + 4] !== VERSION) return null;
  if (bytes.readUInt32LE(at + HEADER_CRC_AT) !== crc32(bytes.subarray(at, at + HEADER_CRC_AT))) return null;
  const length = bytes.readUInt32LE(at + LENGTH_AT);
  const magic = bytes.subarray(at, at + 4);
  if (magic.equals(SEAL_MAGIC)) return { kind: 'seal', entries: length };
  const id = bytes.toString('latin1', at + ID_AT, at + ID_AT + 25);
  if (!magic.equals(ENTRY_MAGIC) || !isQueueId(id)) return null;
  return { kind: 'entry', id, length, crc: bytes.readUInt32LE(at + CONTENT_CRC_AT) };
}

/** Where the next header may start at or after `from`, or -1: how the sweep finds its way past damage. */
export function nextMagic(bytes: Buffer, from: number): number {
  return bytes.indexOf(ENTRY_MAGIC, from);
}

export interface SegmentPlace {
  readonly kind: 'segment';
  readonly name: string;
  readonly offset: number;
  /** Octets of content. */
  readonly length: number;
}

export type Place = SegmentPlace | { readonly kind: 'file'; readonly name: string; readonly id: QueueId; readonly length: number; readonly crc: number };

export function formatLocation(place: Place): ColdLocation {
  if (place.kind === 'segment') return `seg:${place.name}:${place.offset}:${place.length}`;
  return `file:${place.name}:${place.id}:${place.length}:${place.crc.toString(16)}`;
}

/** The place, or null when no store of ours wrote this. Names are checked: a location never becomes a path elsewhere. */
export function parseLocation(location: ColdLocation): Place | null {
  const [kind, name = '', third = '', fourth = '', fifth = '', ...more] = location.split(':');
  if (more.length > 0 || !NAME.test(name)) return null;
  if (kind === 'seg') {
    if (fifth !== '' || !isCount(third) || !isCount(fourth)) return null;
    return { kind: 'segment', name, offset: Number(third), length: Number(fourth) };
  }
  if (kind !== 'file' || !isQueueId(third) || !isCount(fourth) || !/^[0-9a-f]{1,8}$/.test(fifth)) return null;
  return { kind: 'file', name, id: third, length: Number(fourth), crc: Number.parseInt(fifth, 16) };
}

function isCount(text: string): boolean {
  return /^(0|[1-9]\d{0,13})$/.test(text);
}

/** File names in the directory. A large file's name carries its queue id, so that the sweep need not open it. */
export const segmentFile = (name: string): string => `${name}.seg`;
export const deadFile = (name: string): string => `${name}.dead`;
export const condemnedFile = (name: string): string => `${name}.condemned`;
export const largeFile = (name: string, id: QueueId): string => `${name}.${id}.eml`;
export const partialFile = (name: string): string => `${name}.part`;

export type StoredFile =
  | { readonly kind: 'segment' | 'dead' | 'condemned' | 'partial'; readonly name: string }
  | { readonly kind: 'large'; readonly name: string; readonly id: QueueId };

const KINDS: Readonly<Record<string, 'segment' | 'dead' | 'condemned' | 'partial'>> = { seg: 'segment', dead: 'dead', condemned: 'condemned', part: 'partial' };

/** What a file name of the directory says, or null when the file is not ours (it is then left alone). */
export function parseFileName(file: string): StoredFile | null {
  const [name = '', second = '', third, ...more] = file.split('.');
  if (more.length > 0 || !NAME.test(name)) return null;
  if (third === 'eml') return isQueueId(second) ? { kind: 'large', name, id: second } : null;
  const kind = third === undefined ? KINDS[second] : undefined;
  return kind ? { kind, name } : null;
}
