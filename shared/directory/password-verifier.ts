// Checks passwords for a busy process: one that was right lately is known again without scrypt, and scrypt never takes all threads of the pool,
// for files are read there too. Keeps no password: a keyed digest, by the hash that it verified, so that a new password is in force at once.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#shared/telemetry/clock.ts';
import { verifyPassword } from './password.ts';
import { createTurns } from './turns.ts';

export interface PasswordVerifier {
  /** As `verifyPassword`: what is wrong, or unknown, always takes the time of one scrypt. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

export interface PasswordVerifierOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds since it was last right. */
  readonly life?: number;
  readonly capacity?: number;
  readonly verify?: typeof verifyPassword;
}

const LIFE = 10 * 60_000;
const CAPACITY = 10_000;
/** Of the four threads that Node's pool has. */
const CONCURRENT = 2;

export function createPasswordVerifier({ clock, life = LIFE, capacity = CAPACITY, verify = verifyPassword }: PasswordVerifierOptions): PasswordVerifier {
  const key = randomBytes(32);
  /** By stored hash, the least lately used first. */
  const known = new Map<string, { readonly digest: Buffer; readonly until: number }>();
  const inTurn = createTurns(CONCURRENT);

  const digestOf = (password: string): Buffer => createHmac('sha256', key).update(password.normalize('NFC')).digest();

  function remember(stored: string, digest: Buffer): void {
    known.delete(stored);
    known.set(stored, { digest, until: clock.monotonic() + life });
    const [oldest] = known.keys();
    if (known.size > capacity && oldest !== undefined) known.delete(oldest);
  }

  return {
    async verify(password, stored) {
      const digest = digestOf(password);
      const entry = stored === undefined ? undefined : known.get(stored);
      const isKnown = entry !== undefined && clock.monotonic() < entry.until && timingSafeEqual(entry.digest, digest);
      const right = isKnown || (await inTurn(() => verify(password, stored)));
      if (right && stored !== undefined) remember(stored, digest);
      return right;
    },
  };
}
