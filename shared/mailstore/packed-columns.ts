// The columns of a mailbox as octets, and back: UIDs as ranges, modseqs and flags as runs or each as wide as the largest number needs, so from a
// fraction of an octet a message to five. Read back, they are unpacked when somebody asks for them. Pure; what cannot be read, of another version,
// byte order or checksum, is null.
import { crc32 } from 'node:zlib';
import type { FlagCode } from './account-store.ts';
import type { MailboxColumns, MessageColumns } from './mailbox-store.ts';
import { firstPlaces } from './message-columns.ts';
import { rangesOf } from './uid-set.ts';

const VERSION = 3;
/** Version, checksum of all that follows it, number of messages, of ranges and of codes, octets of a number and of all of modseqs and of flags: 32 bits each. */
const HEAD = 36;
const CHECKED_FROM = 8;
/** A range: its first and last UID. A code: itself, and the place of the first message that has it. */
const RANGE = 8;
const CODE = 16;

const KINDS = [Uint8Array, Uint16Array, Uint32Array, Float64Array];
/** In place of the octets of a number: the column is runs, each how many, the first, and the difference from one to the next. */
const RUNS = 0;
const RUN = 24;

export function packColumns({ uids, modseqs, flags }: MessageColumns): Uint8Array {
  const ranges = Uint32Array.from(rangesOf(uids).flat());
  const codes = Float64Array.from([...firstPlaces(flags, new Set(flags))].flat());
  const columns = [packed(modseqs), packed(flags)] as const;
  const sizes = columns.flatMap(({ width, numbers }) => [width, numbers.byteLength]);
  const head = Uint32Array.of(VERSION, 0, uids.length, ranges.byteLength / RANGE, codes.byteLength / CODE, ...sizes);
  const all = Buffer.concat([head, ranges, codes, ...columns.map(({ numbers }) => numbers)].map(octetsOf));
  head[1] = crc32(all.subarray(CHECKED_FROM));
  all.set(octetsOf(head));
  return all;
}

export function unpackColumns(packed: Uint8Array): MailboxColumns | null {
  if (packed.length < HEAD) return null;
  const [version, checksum, count = 0, ranges = 0, codes = 0, modseqsWidth = 0, modseqsSize = 0, flagsWidth = 0, flagsSize = 0] = new Uint32Array(
    copyOf(packed, 0, HEAD),
  );
  if (version !== VERSION || checksum !== crc32(packed.subarray(CHECKED_FROM))) return null;
  const codesAt = HEAD + RANGE * ranges;
  const modseqsAt = codesAt + CODE * codes;
  const flagsAt = modseqsAt + modseqsSize;
  const end = flagsAt + flagsSize;
  if (packed.length !== end || !fits(modseqsWidth, modseqsSize, count) || !fits(flagsWidth, flagsSize, count)) return null;
  return new PackedColumns(count, placesOf(new Float64Array(copyOf(packed, codesAt, modseqsAt))), () => ({
    uids: uidsOf(new Uint32Array(copyOf(packed, HEAD, codesAt)), count),
    modseqs: unpacked(modseqsWidth, copyOf(packed, modseqsAt, flagsAt), count),
    flags: unpacked(flagsWidth, copyOf(packed, flagsAt, end), count),
  }));
}

class PackedColumns implements MailboxColumns {
  readonly count: number;
  readonly codes: ReadonlyMap<FlagCode, number>;
  readonly #unpack: () => MessageColumns;
  #unpacked: MessageColumns | null = null;

  constructor(count: number, codes: ReadonlyMap<FlagCode, number>, unpack: () => MessageColumns) {
    this.count = count;
    this.codes = codes;
    this.#unpack = unpack;
  }

  get uids(): Uint32Array {
    return this.#columns.uids;
  }

  get modseqs(): Float64Array {
    return this.#columns.modseqs;
  }

  get flags(): Float64Array {
    return this.#columns.flags;
  }

  get #columns(): MessageColumns {
    this.#unpacked ??= this.#unpack();
    return this.#unpacked;
  }
}

function placesOf(codes: Float64Array): ReadonlyMap<FlagCode, number> {
  const places = new Map<FlagCode, number>();
  for (let i = 0; i < codes.length; i += 2) places.set(codes[i] as number, codes[i + 1] as number);
  return places;
}

function uidsOf(ranges: Uint32Array, count: number): Uint32Array {
  const uids = new Uint32Array(count);
  let at = 0;
  for (let range = 0; range < ranges.length; range += 2) {
    const last = ranges[range + 1] as number;
    for (let uid = ranges[range] as number; uid <= last; uid++) uids[at++] = uid;
  }
  return uids;
}

/** A column begins at a multiple of its width, which these octets need not; a Buffer's own slice is no copy. */
const copyOf = ({ buffer, byteOffset }: Uint8Array, from: number, to: number): ArrayBuffer => buffer.slice(byteOffset + from, byteOffset + to) as ArrayBuffer;

interface PackedColumn {
  readonly width: number;
  readonly numbers: ArrayBufferView;
}

/** What mail left behind that came one by one or together, and flags that most messages have, are few runs. */
function packed(column: Float64Array): PackedColumn {
  const numbers = narrowed(column);
  const runs = runsOf(column, numbers.byteLength / RUN);
  return runs ? { width: RUNS, numbers: runs } : { width: numbers.BYTES_PER_ELEMENT, numbers };
}

const kindOf = (width: number) => KINDS.find(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT === width);

/** A column of this width and so many octets can be one of so many numbers. */
function fits(width: number, size: number, count: number): boolean {
  return width === RUNS ? size % RUN === 0 : kindOf(width) !== undefined && size === width * count;
}

function unpacked(width: number, octets: ArrayBuffer, count: number): Float64Array {
  if (width === RUNS) return spreadRuns(new Float64Array(octets), count);
  const kind = kindOf(width) ?? Float64Array;
  return new Float64Array(new kind(octets));
}

/** Null: more than `most` of them. */
function runsOf(column: Float64Array, most: number): Float64Array | null {
  const runs: number[] = [];
  for (let at = 0; at < column.length; ) {
    const first = column[at] as number;
    const step = at + 1 < column.length ? (column[at + 1] as number) - first : 0;
    let end = at + 1;
    while (end < column.length && (column[end] as number) - (column[end - 1] as number) === step) end++;
    runs.push(end - at, first, step);
    if (runs.length > 3 * most) return null;
    at = end;
  }
  return Float64Array.from(runs);
}

function spreadRuns(runs: Float64Array, count: number): Float64Array {
  const column = new Float64Array(count);
  let at = 0;
  for (let run = 0; run < runs.length; run += 3) {
    const end = at + (runs[run] as number);
    const first = runs[run + 1] as number;
    const step = runs[run + 2] as number;
    if (step === 0) column.fill(first, at, end);
    else for (let i = at; i < end; i++) column[i] = first + step * (i - at);
    at = end;
  }
  return column;
}

function narrowed(column: Float64Array) {
  let most = 0;
  for (let i = 0; i < column.length; i++) most = Math.max(most, column[i] as number);
  const kind = KINDS.find(({ BYTES_PER_ELEMENT }) => most < 2 ** (8 * BYTES_PER_ELEMENT)) ?? Float64Array;
  return new kind(column);
}

const octetsOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
