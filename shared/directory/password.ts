// Passwords at rest: `$scrypt$N$r$p$salt$hash`, salt and hash in base64url (RFC 7914). Owns no state.
// A hash that cannot be read verifies nothing; scrypt itself runs on the thread pool, never on the loop.
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** RFC 7914 section 2: 16 MiB and some 50 ms for each try. */
const COST = { N: 16_384, r: 8, p: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Hashes that ask for more are refused: an unreasonable one would stop every login. */
const MAX_MEMORY = 256 * 1024 * 1024;

interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

interface StoredHash extends Cost {
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The hash of a password, with a salt of its own. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { ...COST, salt }, HASH_BYTES);
  return ['', 'scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** True when the password made this hash. Without one, or with one that cannot be read, it takes as long and is false. */
export async function verifyPassword(password: string, stored: string | undefined): Promise<boolean> {
  const known = stored === undefined ? null : parseHash(stored);
  const against = known ?? { ...COST, salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) };
  const hash = await derive(password, against, against.hash.length);
  return timingSafeEqual(hash, against.hash) && known !== null;
}

function parseHash(text: string): StoredHash | null {
  const match = /^\$scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([\w-]{11,128})\$([\w-]{22,128})$/.exec(text);
  if (!match) return null;
  const cost = { N: Number(match[1]), r: Number(match[2]), p: Number(match[3]) };
  const powerOfTwo = cost.N > 1 && (cost.N & (cost.N - 1)) === 0;
  if (!powerOfTwo || cost.r < 1 || cost.p < 1 || cost.p > 16 || memory(cost) > MAX_MEMORY) return null;
  return { ...cost, salt: Buffer.from(match[4] ?? '', 'base64url'), hash: Buffer.from(match[5] ?? '', 'base64url') };
}

/** RFC 7914 section 6: bytes that scrypt needs, with some room. */
function memory({ N, r, p }: Cost): number {
  return 128 * r * (N + p + 2);
}

function derive(password: string, { N, r, p, salt }: Omit<StoredHash, 'hash'>, length: number): Promise<Buffer> {
  const options = { N, r, p, maxmem: 2 * memory({ N, r, p }) };
  return new Promise((resolve, reject) => {
    // RFC 8265 section 4.2: clients compose characters in different ways, the password is the same.
    scrypt(password.normalize('NFC'), salt, length, options, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}
