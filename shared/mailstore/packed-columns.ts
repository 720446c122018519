// The columns of a mailbox as octets, some 3 to 5 a message, and back: UIDs as ranges, each other column as wide as its largest number needs. Read
// back, they are unpacked when somebody asks for them. Pure; what cannot be read, of another version, byte order or checksum, is null.
import { crc32 } from 'node:zlib';
import type { FlagCode } from './account-store.ts';
import type { MailboxColumns, MessageColumns } from './mailbox-store.ts';
import { firstPlaces } from './message-columns.ts';
import { rangesOf } from './uid-set.ts';

const VERSION = 2;
/** Version, checksum of all that follows it, number of messages, of ranges and of codes, octets of a modseq and of a flag code: 32 bits each. */
const HEAD = 28;
const CHECKED_FROM = 8;
/** A range: its first and last UID. A code: itself, and the place of the first message that has it. */
const RANGE = 8;
const CODE = 16;

const KINDS = [Uint8Array, Uint16Array, Uint32Array, Float64Array];

export function packColumns({ uids, modseqs, flags }: MessageColumns): Uint8Array {
  const ranges = Uint32Array.from(rangesOf(uids).flat());
  const codes = Float64Array.from([...firstPlaces(flags, new Set(flags))].flat());
  const columns = [narrowed(modseqs), narrowed(flags)] as const;
  const widths = columns.map(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT);
  const head = Uint32Array.of(VERSION, 0, uids.length, ranges.byteLength / RANGE, codes.byteLength / CODE, ...widths);
  const packed = Buffer.concat([head, ranges, codes, ...columns].map(octetsOf));
  head[1] = crc32(packed.subarray(CHECKED_FROM));
  packed.set(octetsOf(head));
  return packed;
}

export function unpackColumns(packed: Uint8Array): MailboxColumns | null {
  if (packed.length < HEAD) return null;
  const [version, checksum, count = 0, ranges = 0, codes = 0, ...widths] = new Uint32Array(copyOf(packed, 0, HEAD));
  if (version !== VERSION || checksum !== crc32(packed.subarray(CHECKED_FROM))) return null;
  const [modseqs, flags] = widths.map((width) => KINDS.find(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT === width));
  if (!modseqs || !flags) return null;
  const codesAt = HEAD + RANGE * ranges;
  const modseqsAt = codesAt + CODE * codes;
  const flagsAt = modseqsAt + modseqs.BYTES_PER_ELEMENT * count;
  const end = flagsAt + flags.BYTES_PER_ELEMENT * count;
  if (packed.length !== end) return null;
  return new PackedColumns(count, placesOf(new Float64Array(copyOf(packed, codesAt, modseqsAt))), () => ({
    uids: uidsOf(new Uint32Array(copyOf(packed, HEAD, codesAt)), count),
    modseqs: new Float64Array(new modseqs(copyOf(packed, modseqsAt, flagsAt))),
    flags: new Float64Array(new flags(copyOf(packed, flagsAt, end))),
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

function narrowed(column: Float64Array) {
  let most = 0;
  for (let i = 0; i < column.length; i++) most = Math.max(most, column[i] as number);
  const kind = KINDS.find(({ BYTES_PER_ELEMENT }) => most < 2 ** (8 * BYTES_PER_ELEMENT)) ?? Float64Array;
  return new kind(column);
}

const octetsOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);
