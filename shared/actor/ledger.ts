// The ledger of one connection's transactions: a hash in Redis in which each script notes the number of the transaction that it ran in. When a
// connection breaks under a transaction, it tells afterwards what ran, and whether enough replicas have it.
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { JobWriter, Transaction } from './jobs.ts';
import type { Script } from './scripts.ts';
import { type Batch, flatten, type Item } from './transaction-batch.ts';

export interface LedgerOptions {
  readonly base: string;
  /** The connection that transactions of this shard go through: in a Cluster, the one to its master. */
  readonly redis: () => Redis;
  readonly jobs: JobWriter;
  readonly replicas: number;
  readonly replicaTimeout: number;
}

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #key: string;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#key = `${options.base}ledger:${randomUUID()}`;
  }

  /** Adds the batch's scripts to a transaction: each with all its items, and its note. */
  write(transaction: Transaction, { groups, sequence }: Batch): void {
    for (const [script, group] of groups) this.#call(transaction, script, sequence, group);
  }

  /** Rejects when too few replicas have acknowledged what this connection wrote. */
  async replicated(): Promise<void> {
    const { replicas, replicaTimeout, redis } = this.#options;
    if (replicas > 0 && (await redis().wait(replicas, replicaTimeout)) < replicas) throw new Error('NOREPLICAS too few replicas acknowledged in time');
  }

  /** The scripts that are noted for this batch, once replicas have it; null when that cannot be learnt now. */
  async whatRan({ groups, sequence }: Batch): Promise<ReadonlySet<Script> | null> {
    try {
      const notes = await this.#options.redis().hgetall(this.#key);
      const ran = [...groups.keys()].filter((script) => Number(notes[script.name]) === sequence);
      if (ran.length > 0 && this.#options.replicas > 0) {
        // WAIT counts what its own connection wrote, so a write comes first.
        const transaction = this.#options.jobs.transaction();
        for (const script of ran) this.#call(transaction, script, sequence, []);
        await transaction.exec();
        await this.replicated();
      }
      return new Set(ran);
    } catch {
      return null;
    }
  }

  #call(transaction: Transaction, script: Script, sequence: number, items: readonly Item[]): void {
    transaction.runCommand(script.name, flatten(items, [this.#options.base, this.#key, script.name, sequence]));
  }
}
