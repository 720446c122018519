// The connections that one activation uses at once, at most `limit`. A transaction takes a kept one, opens another, or follows a short
// one that is under way, so that its commands go with the end of that one (RFC 2920). Where none of this can be, it waits its turn.
import type { Delayed, Failed } from '#shared/smtp/outcome.ts';
import type { Connections } from './connections.ts';
import type { SmtpConnection } from './smtp-client/connection.ts';

/** Where a transaction goes: a connection, a place in which to open one, or nowhere, for the site refused another that waited for the same. */
export type Lane =
  | { readonly kind: 'connection'; readonly connection: SmtpConnection }
  | { readonly kind: 'place' }
  | { readonly kind: 'refused'; readonly outcome: Delayed | Failed };

interface Waiting {
  readonly pool: string;
  readonly maxMessages: number;
  readonly resolve: (lane: Lane) => void;
}

export class Lanes {
  readonly #connections: Connections;
  readonly #limit: () => number;
  /** Connections in use, by the number of transactions that run or wait on them. */
  readonly #busy = new Map<SmtpConnection, { readonly pool: string; readonly connection: SmtpConnection; users: number }>();
  readonly #waiting: Waiting[] = [];
  /** Places taken in which a connection is being opened. */
  #opening = 0;
  #cut = false;

  constructor(connections: Connections, limit: () => number) {
    this.#connections = connections;
    this.#limit = limit;
  }

  /** A lane of this pool. The caller gives it back: `release` for a connection, `opened` or `refused` for a place. */
  take(pool: string, maxMessages: number): Promise<Lane> {
    return new Promise((resolve) => {
      this.#waiting.push({ pool, maxMessages, resolve });
      this.#serve();
    });
  }

  /** The place holds this connection now. */
  opened(pool: string, connection: SmtpConnection): void {
    this.#opening--;
    this.#busy.set(connection, { pool, connection, users: 1 });
    if (this.#cut) connection.abort('the activation ended');
    this.#serve();
  }

  /** No connection came about: who waits for one of this pool hears the same, and need not ask again. */
  refused(pool: string, outcome: Delayed | Failed | null): void {
    this.#opening--;
    for (const each of outcome ? this.#waiting.filter((waiting) => waiting.pool === pool) : []) {
      this.#waiting.splice(this.#waiting.indexOf(each), 1);
      each.resolve({ kind: 'refused', outcome: outcome as Delayed | Failed });
    }
    this.#serve();
  }

  /** A transaction is over; the connection is kept for others once none is left on it. */
  release(connection: SmtpConnection, maxMessages: number): void {
    const lane = this.#busy.get(connection);
    if (!lane) return;
    lane.users--;
    if (lane.users === 0) {
      this.#busy.delete(connection);
      this.#connections.release(lane.pool, connection, maxMessages);
    }
    this.#serve();
  }

  /** Gives back a lane on which nothing was done. */
  giveBack(lane: Lane, pool: string, maxMessages: number): void {
    if (lane.kind === 'connection') this.release(lane.connection, maxMessages);
    if (lane.kind === 'place') this.refused(pool, null);
  }

  /** Ends all that runs: the activation is over. */
  cut(): void {
    this.#cut = true;
    for (const connection of this.#busy.keys()) connection.abort('the activation ended');
  }

  /** First come, first served, but for who waits for another pool: where the first of a pool finds nothing, the others need not look. */
  #serve(): void {
    const full = new Set<string>();
    for (let at = 0; at < this.#waiting.length; ) {
      const next = this.#waiting[at] as Waiting;
      const lane = full.has(next.pool) ? null : this.#laneFor(next);
      if (lane) this.#waiting.splice(at, 1)[0]?.resolve(lane);
      else at++;
      if (!lane) full.add(next.pool);
    }
  }

  #laneFor({ pool, maxMessages }: Waiting): Lane | null {
    if (this.#busy.size + this.#opening < this.#limit()) {
      const kept = this.#connections.take(pool);
      if (kept) this.#busy.set(kept, { pool, connection: kept, users: 1 });
      else this.#opening++;
      return kept ? { kind: 'connection', connection: kept } : { kind: 'place' };
    }
    for (const lane of this.#busy.values()) {
      const { connection } = lane;
      if (lane.users > 1 || lane.pool !== pool || !connection.joinable || connection.transactions >= maxMessages) continue;
      lane.users++;
      return { kind: 'connection', connection };
    }
    return null;
  }
}
