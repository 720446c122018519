// BullMQ's producing side: wake-up jobs written into our own transactions.
import { Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { ActorRole } from '#shared/protocol/topology.ts';
import { classify, TransactionAborted } from './errors.ts';
import { bullPrefix } from './keys.ts';
import type { RedisClient } from './redis.ts';
import type { Script } from './scripts.ts';

/** A MULTI that both our scripts and BullMQ can write to. */
export interface Transaction {
  runCommand(name: string, args: readonly (string | number | Buffer)[]): unknown;
  exec(): Promise<[Error | null, unknown][] | null>;
}

export interface JobWriter {
  transaction(): Transaction;
  /** Adds one job to a transaction; `delay` in milliseconds. */
  add(transaction: Transaction, role: ActorRole, data: object, delay: number): Promise<unknown>;
  queue(role: ActorRole): Queue;
  /** Makes our scripts known to the server: ioredis believes so after the first use, which a refused transaction never was. */
  loadScripts(): Promise<void>;
  close(): Promise<void>;
}

/** A drained queue keeps its event stream; nobody reads it, so it is kept short. */
const QUEUE_OPTIONS = { streams: { events: { maxLen: 10 } } } as const;

/** A job is only a wake-up: it leaves nothing behind, and is never failed for good. */
const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: true, attempts: 1_000_000_000, backoff: { type: 'fixed', delay: 1000 } } as const;

type Command = (args: readonly (string | number | Buffer)[]) => Promise<unknown>;

/**
 * A transaction written command by command, in one write. ioredis's own pipeline object is the alternative: making one costs some
 * 40 us, because each gets a method per known script, and BullMQ knows sixty. A Cluster needs that object; one server does not.
 */
function directTransaction(redis: Redis): Transaction {
  const commands: (readonly [string, readonly (string | number | Buffer)[]])[] = [];
  return {
    runCommand: (name, args) => commands.push([name, args]),
    exec: () => {
      const only = commands.length === 1 ? commands[0] : undefined;
      // One script alone is atomic.
      if (only)
        return (redis as unknown as Record<string, Command>)[only[0]]?.(only[1]).then((reply) => [[null, reply]], alone) as Promise<[Error | null, unknown][]>;
      const { stream } = redis;
      const refusals: (Error | undefined)[] = [];
      stream.cork();
      redis.multi({ pipeline: false }).catch(ignore);
      commands.forEach(([name, args], i) => {
        (redis as unknown as Record<string, Command>)[name]?.(args).catch((error: Error) => {
          refusals[i] = error;
        });
      });
      const replies = redis.exec() as Promise<[Error | null, unknown][] | null>;
      stream.uncork();
      return replies.catch((error: Error) => Promise.reject(error.message.startsWith('EXECABORT') ? new TransactionAborted(error.message, refusals) : error));
    },
  };
}

/** What the server refused is its reply; what the connection lost is nobody's. */
const alone = (error: Error): [Error | null, unknown][] | Promise<never> =>
  classify(error) !== 'retry' || /^[A-Z]+ /.test(error.message) ? [[error, null]] : Promise.reject(error);

/** A command of a transaction is answered by EXEC. */
const ignore = () => undefined;

/** Resolves when `client` knows the scripts and BullMQ is ready to write through it. */
export async function createJobWriter(client: RedisClient, base: string, roles: readonly ActorRole[], scripts: readonly Script[]): Promise<JobWriter> {
  for (const script of scripts) client.defineCommand(script.name, { numberOfKeys: 1, lua: script.lua });
  const queues = new Map<ActorRole, Queue>();
  for (const role of roles) {
    const queue = new Queue(role, { connection: client as never, prefix: bullPrefix(base), ...QUEUE_OPTIONS });
    queue.on('error', () => undefined); // the connection's own listener logs it
    queues.set(role, queue);
  }
  const queue = (role: ActorRole): Queue => queues.get(role) as Queue;
  const adapted = (await (queues.values().next().value as Queue).getBackend().client) as unknown as { multi(): Transaction };
  const transaction = client instanceof Redis ? () => directTransaction(client) : () => adapted.multi();
  return {
    queue,
    transaction,
    loadScripts: async () => {
      const servers = client instanceof Redis ? [client] : client.nodes('master');
      await Promise.all(servers.flatMap((server) => scripts.map((script) => server.script('LOAD', script.lua))));
    },
    add: (transaction, role, data, delay) => new Job(queue(role), 'wake', data, { ...JOB_OPTIONS, delay }).addJob(transaction as never),
    close: async () => {
      await Promise.all([...queues.values()].map((each) => each.close()));
    },
  };
}
