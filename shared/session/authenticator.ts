// Checks passwords for a server's sessions and throttles guessing: a failure costs time and is counted for the client's address and the
// account. Owns the counts, of this process. Fails as a value; a directory that is away is logged here.
import { setTimeout as pause } from 'node:timers/promises';
import type { Account, Directory } from '#shared/directory/directory.ts';
import { createTurns } from '#shared/directory/turns.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { clientKey } from './connection-counts.ts';
import { FailureWindows } from './failure-windows.ts';
import type { Credentials } from './sasl.ts';

/** Failed authentications are counted over this time. */
const FAILURE_WINDOW = 10 * 60_000;
/** An account that is guessed at from everywhere has so many times the failures of one client: fewer would let anybody lock its owner out. */
const FROM_EVERYWHERE = 10;
/** Passwords checked at once: each takes a thread of Node's pool for some 50 ms, and what is written to disk needs them too. */
const AT_ONCE = 2;

export interface AuthenticationLimits {
  /** Milliseconds before the answer to a failure. */
  readonly auth_failure_delay: number;
  /** Per address within the window; ten times as many per account. */
  readonly auth_failures_per_client: number;
}

export interface AuthenticatorOptions {
  readonly directory: Pick<Directory, 'authenticate'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Asked at each check: a reload may change them. */
  readonly limits: () => AuthenticationLimits;
}

export type Authentication =
  | { readonly kind: 'authenticated'; readonly account: Account }
  /** Wrong, whether or not the account exists; the answer has been delayed. */
  | { readonly kind: 'refused' }
  /** Not even looked at: too many failures. */
  | { readonly kind: 'throttled' }
  /** The directory is away. */
  | { readonly kind: 'unavailable' };

export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #failures: FailureWindows;
  readonly #inTurn = createTurns(AT_ONCE);

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
    this.#failures = new FailureWindows(options.clock, FAILURE_WINDOW);
  }

  /**
   * Checks credentials for a client's address, or null behind a proxy that does not tell its clients apart: one of them must not lock out
   * the others. `closed` ends the delay of a failure when the client has left.
   */
  async check({ user, password }: Credentials, client: string | null, closed: AbortSignal): Promise<Authentication> {
    const { log, limits } = this.#options;
    const account = `account ${user.toLowerCase().slice(0, 320)}`;
    const address = client === null ? null : `client ${clientKey(client)}`;
    const throttled = () => {
      const most = limits().auth_failures_per_client;
      return this.#failures.failures(account) >= (address ? most * FROM_EVERYWHERE : most) || (address !== null && this.#failures.failures(address) >= most);
    };
    if (throttled()) return { kind: 'throttled' };
    const verdict = await this.#inTurn(async (): Promise<Authentication> => {
      // Many may have come at once: those before us count.
      if (throttled()) return { kind: 'throttled' };
      try {
        const found = await this.#options.directory.authenticate(user, password);
        if (found) return { kind: 'authenticated', account: found };
      } catch (error) {
        log.error({ err: error }, 'authentication could not be checked');
        return { kind: 'unavailable' };
      }
      this.#failures.add(account);
      if (address) this.#failures.add(address);
      return { kind: 'refused' };
    });
    if (verdict.kind === 'refused') await pause(limits().auth_failure_delay, undefined, { signal: closed, ref: false }).catch(() => undefined);
    return verdict;
  }
}
