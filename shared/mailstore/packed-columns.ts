// The columns of a mailbox as octets, some 9 a message, and back: each as wide as its largest number needs, which takes no loop to read. Pure;
// what cannot be read, of another version, byte order or checksum, is null.
import { crc32 } from 'node:zlib';
import type { MessageColumns } from './mailbox-store.ts';

const VERSION = 1;
/** Version, checksum of all that follows it, number of messages, octets of a modseq and of a flag code: 32 bits each. */
const HEAD = 20;
const CHECKED_FROM = 8;

const KINDS = [Uint8Array, Uint16Array, Uint32Array, Float64Array];

export function packColumns({ uids, modseqs, flags }: MessageColumns): Uint8Array {
  const columns = [uids, narrowed(modseqs), narrowed(flags)] as const;
  const head = Uint32Array.of(VERSION, 0, uids.length, columns[1].BYTES_PER_ELEMENT, columns[2].BYTES_PER_ELEMENT);
  const packed = Buffer.concat([head, ...columns].map(octetsOf));
  head[1] = crc32(packed.subarray(CHECKED_FROM));
  packed.set(octetsOf(head));
  return packed;
}

export function unpackColumns(packed: Uint8Array): MessageColumns | null {
  if (packed.length < HEAD) return null;
  const [version, checksum, count = 0, ...widths] = new Uint32Array(copyOf(packed, 0, HEAD));
  if (version !== VERSION || checksum !== crc32(packed.subarray(CHECKED_FROM))) return null;
  const [modseqs, flags] = widths.map((width) => KINDS.find(({ BYTES_PER_ELEMENT }) => BYTES_PER_ELEMENT === width));
  if (!modseqs || !flags) return null;
  const [modseqsAt, flagsAt] = [HEAD + 4 * count, HEAD + (4 + modseqs.BYTES_PER_ELEMENT) * count];
  const end = flagsAt + flags.BYTES_PER_ELEMENT * count;
  if (packed.length !== end) return null;
  return {
    uids: new Uint32Array(copyOf(packed, HEAD, modseqsAt)),
    modseqs: new Float64Array(new modseqs(copyOf(packed, modseqsAt, flagsAt))),
    flags: new Float64Array(new flags(copyOf(packed, flagsAt, end))),
  };
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
