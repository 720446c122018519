// Who may connect, and who may go on guessing passwords: counts by client and account, held in memory, bounded, of this process.
import { isIPv6 } from 'node:net';
import type { Clock } from '#shared/telemetry/clock.ts';

/** Open connections, in all and by client. */
export class ConnectionCounts {
  readonly #byClient = new Map<string, number>();
  #open = 0;

  /** Counts a connection in, or says which limit it would break. `perClient` is Infinity where addresses are a proxy's. */
  enter(client: string, total: number, perClient: number): 'total' | 'client' | null {
    if (this.#open >= total) return 'total';
    const count = this.#byClient.get(client) ?? 0;
    if (count >= perClient) return 'client';
    this.#byClient.set(client, count + 1);
    this.#open++;
    return null;
  }

  leave(client: string): void {
    const count = (this.#byClient.get(client) ?? 1) - 1;
    if (count > 0) this.#byClient.set(client, count);
    else this.#byClient.delete(client);
    this.#open--;
  }
}

/** Failures by key within a window of time; the oldest key is forgotten when there are too many. */
export class FailureWindows {
  readonly #clock: Clock;
  readonly #length: number;
  readonly #most: number;
  readonly #windows = new Map<string, { readonly since: number; failures: number }>();

  /** `length` in milliseconds; `most` keys are kept. */
  constructor(clock: Clock, length: number, most = 20_000) {
    this.#clock = clock;
    this.#length = length;
    this.#most = most;
  }

  failures(key: string): number {
    return this.#current(key)?.failures ?? 0;
  }

  add(key: string): void {
    const window = this.#current(key);
    if (window) window.failures++;
    else this.#open(key);
  }

  clear(key: string): void {
    this.#windows.delete(key);
  }

  #current(key: string) {
    const window = this.#windows.get(key);
    return window && this.#clock.monotonic() - window.since < this.#length ? window : undefined;
  }

  #open(key: string): void {
    this.#windows.delete(key);
    const [oldest] = this.#windows.keys();
    if (oldest !== undefined && this.#windows.size >= this.#most) this.#windows.delete(oldest);
    this.#windows.set(key, { since: this.#clock.monotonic(), failures: 1 });
  }
}

/** What counts as one client: an IPv4 address, or the /64 of an IPv6 address, for that is what one host can choose from. */
export function clientKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  const all = [...groups, ...Array<string>(zeros).fill('0'), ...behind];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
