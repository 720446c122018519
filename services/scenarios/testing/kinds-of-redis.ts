// The kinds of Redis under which the crash suite runs, each with its way to die and come back: the embedded one, and a master with two replicas
// watched by Sentinel. Owns the servers that the product does not own.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { ConfigInput } from '#shared/config/schema.ts';
import type { Product } from '#shared/testing/product.ts';
import { commandTo } from '#shared/testing/redis.ts';
import { startSentinel, UNDER_LOAD } from '#shared/testing/redis-sentinel.ts';

/** A lease is 10 s: stopped for longer, a process comes back believing what is no longer true. */
export const LONGER_THAN_A_LEASE = 12_000;

export interface RedisToCrash extends AsyncDisposable {
  readonly config: Pick<ConfigInput, 'redis'>;
  /** Runs a command on the server that takes writes. */
  command(product: Product, name: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** The server that takes writes is killed, or stopped for longer than a lease; resolves when all is whole again. */
  crash(product: Product, kind: 'kill' | 'stop'): Promise<void>;
  /** Every process of the product and of Redis is killed at once. */
  killWithAll(product: Product): Promise<void>;
  /** All of them are started. */
  startWithAll(product: Product): Promise<void>;
}

export interface KindOfRedis {
  readonly kind: string;
  start(): Promise<RedisToCrash>;
}

export const STANDALONE: KindOfRedis = { kind: 'standalone', start: embedded };
export const SENTINEL: KindOfRedis = { kind: 'Sentinel', start: sentinel };
export const KINDS_OF_REDIS = [STANDALONE, SENTINEL];

async function embedded(): Promise<RedisToCrash> {
  return {
    config: {},
    command: ({ dataDir }, name, ...args) => commandTo({ path: join(dataDir, 'redis', 'redis.sock') }, name, ...args),
    async crash(product, kind) {
      if (kind === 'kill') return product.kill('redis');
      const pid = product.stopProcess('redis');
      await pause(LONGER_THAN_A_LEASE);
      product.contProcess(pid);
    },
    killWithAll: (product) => product.killEverything(),
    startWithAll: (product) => product.start(),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The master that crashes is replaced, and comes back: at first it believes that it is master still, then it is a replica. */
async function sentinel(): Promise<RedisToCrash> {
  const group = await startSentinel(UNDER_LOAD);
  return {
    config: { redis: group.settings },
    command: async (_, name, ...args) => (await group.master()).command(name, ...args),
    async crash(_, kind) {
      const old = await group.master();
      if (kind === 'kill') await old.kill();
      else old.suspend();
      await Promise.all([group.failedOver(old), pause(kind === 'kill' ? 0 : LONGER_THAN_A_LEASE)]);
      if (kind === 'kill') await old.start();
      else old.resume();
      await group.settled();
    },
    killWithAll: async (product) => void (await Promise.all([product.killEverything(), group.kill()])),
    async startWithAll(product) {
      await group.start();
      await product.start();
    },
    [Symbol.asyncDispose]: () => group.close(),
  };
}
