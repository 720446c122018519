// Queue ids: one character of shard, then 48 bits of milliseconds and 72 random bits in Crockford base32.
// Never reused, not derived from content, and sortable by the time they were made.
import { randomFillSync } from 'node:crypto';

/** 25 characters of Crockford base32 (upper case). */
export type QueueId = string & { readonly __brand: 'QueueId' };

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PATTERN = /^[0-9A-HJKMNP-TV-Z]{25}$/;
const pool = Buffer.alloc(9 * 256);
let used = pool.length;

/** A new id on `shard` (0 to 31) at `now` (milliseconds since the epoch). */
export function newQueueId(shard: number, now: number): QueueId {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 9);
  used += 9;
  return encode(shard, now, random);
}

/** The id with these 9 random bytes: DSN ids derive from what they report, so a repeat makes the same id. */
export function encode(shard: number, now: number, random: Uint8Array): QueueId {
  let text = digit(shard);
  let bits = 0;
  let held = 0;
  const time = [];
  for (let shift = 40; shift >= 0; shift -= 8) time.push(Math.floor(now / 2 ** shift) % 256);
  for (const byte of [...time, ...random]) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += digit((held >> bits) & 31);
      held &= (1 << bits) - 1;
    }
  }
  return text as QueueId;
}

export function isQueueId(text: string): text is QueueId {
  return PATTERN.test(text);
}

/** The shard that holds the record. */
export function shardOf(id: QueueId): number {
  return ALPHABET.indexOf(id[0] ?? '0');
}

/** When the message was received, milliseconds since the epoch. */
export function timeOf(id: QueueId): number {
  let value = 0;
  for (const letter of id.slice(1, 10)) value = value * 32 + ALPHABET.indexOf(letter);
  value = value * 8 + (ALPHABET.indexOf(id[10] ?? '0') >> 2);
  return value;
}

function digit(value: number): string {
  return ALPHABET[value] ?? '0';
}
