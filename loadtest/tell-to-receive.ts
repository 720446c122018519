// The actor runtime alone, without mail: entries told, received and acknowledged per second, and CPU per entry, for 1, 4 and 100 keys; in bulk, where
// commits are shared, and one at a time (the next when the last was acknowledged). It owns a Redis on the disk under test for each measurement.
import { scripts } from '#shared/actor/scripts.ts';
import { startRedis } from '#shared/testing/redis.ts';
import { startWorld, type World } from '#shared/testing/world.ts';
import { formatFigures, type SeriesOptions } from './compare.ts';
import { type Figures, keepResult, newSeries, ownVersion, type Result } from './results.ts';

const SCENARIO = 'tell-to-receive';
const MAILBOX = 'remote-delivery';
const KEYS = [1, 4, 100];
const MODES = [
  { told: 'in bulk', atOnce: 500, entries: 50_000 },
  { told: 'one at a time', atOnce: 1, entries: 2_000 },
];

type Options = Pick<SeriesOptions, 'pairs' | 'directory' | 'record' | 'command' | 'machine' | 'progress' | 'signal'>;

/** Every number of keys in both ways, `pairs` times. */
export async function runTellToReceive(options: Options): Promise<Result[]> {
  const { pairs, directory, record, progress, signal } = options;
  const series = newSeries(options);
  const results: Result[] = [];
  progress.show(`${SCENARIO}: warming up`);
  for (const mode of MODES) await measure(4, mode, directory); // what is measured first would pay for V8's compiler
  for (let pair = 1; pair <= pairs; pair++) {
    for (const keys of KEYS) {
      for (const mode of MODES) {
        signal.throwIfAborted();
        const variant = `${keys} ${keys === 1 ? 'key' : 'keys'}, ${mode.told}`;
        progress.show(`${SCENARIO}: ${variant}`);
        const figures = await measure(keys, mode, directory);
        results.push(keepResult(series, { scenario: SCENARIO, target: 'stafette', version: ownVersion(), variant, split: undefined, pair, figures }, record));
        progress.print(`${SCENARIO} ${pair}/${pairs} ${variant}: ${formatFigures(figures)}`);
      }
    }
  }
  return results;
}

async function measure(keys: number, { atOnce, entries }: { readonly atOnce: number; readonly entries: number }, directory: string): Promise<Figures> {
  await using redis = await startRedis({ parent: directory });
  await using world = await startWorld({ redis });
  const { tell, activations, drain } = await startTold(world, keys);
  let next = 0;
  const tellUntil = async (end: number) => {
    while (next < end) await tell(next++);
  };
  await Promise.all(Array.from({ length: keys }, () => tellUntil(keys))); // the first activations are not counted
  const [before, cpu, redisBefore, startedAt] = [activations(), process.cpuUsage(), await cpuOf(world), performance.now()];
  await Promise.all(Array.from({ length: atOnce }, () => tellUntil(keys + entries)));
  const perSecond = (entries * 1000) / (performance.now() - startedAt);
  const { user, system } = process.cpuUsage(cpu);
  const redisSeconds = (await cpuOf(world)) - redisBefore;
  const figures = {
    perSecond,
    nodeMicroseconds: (user + system) / entries,
    redisMicroseconds: (redisSeconds * 1e6) / entries,
    activations: activations() - before,
  };
  await drain();
  return figures;
}

/** A keyed role that acknowledges what it receives; `tell` resolves then. */
async function startTold({ system }: World, keys: number) {
  const [shard] = system.shards;
  if (!shard) throw new Error('a world has a shard');
  const waiting = new Map<string, () => void>();
  let activations = 0;
  const actors = await system.startKeyed(MAILBOX, ({ key, epoch }) => {
    activations += 1;
    const receive = async (entry: string) => {
      await shard.submit(scripts.acknowledge, [`${MAILBOX}:${key}`, String(epoch), entry]);
      waiting.get(entry)?.();
      waiting.delete(entry);
    };
    return { window: () => 20, receive };
  });
  return {
    activations: () => activations,
    drain: () => actors.drain(AbortSignal.timeout(10_000)),
    async tell(number: number): Promise<void> {
      const acknowledged = new Promise<void>((resolve) => waiting.set(`e${number}`, resolve));
      const now = Date.now();
      await shard.submit(scripts.tell, [`${MAILBOX}:k${number % keys}`, `e${number}`, now, now]);
      await acknowledged;
    },
  };
}

/** Seconds that Redis has used so far. */
async function cpuOf({ redis }: World): Promise<number> {
  const info = await redis.info('cpu');
  return Number(info.get('used_cpu_user')) + Number(info.get('used_cpu_sys'));
}
