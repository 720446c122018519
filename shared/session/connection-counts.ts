// How many connections are open, in all and by client: held in memory, of this process.
import { isIPv6 } from 'node:net';

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
