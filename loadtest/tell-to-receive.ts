// Measures the runtime alone: entries told and received per second, and CPU per entry, for 1, 4 and 100 keys; told in bulk, and one
// at a time (the next when the last was received). Needs redis-server. Usage: node loadtest/tell-to-receive.ts [entries]
import { scripts } from '#shared/actor/scripts.ts';
import { startWorld } from '#shared/testing/world.ts';

const entries = Number(process.argv[2] ?? 10_000);
const MAILBOX = 'remote-delivery';

interface Figures {
  readonly perSecond: number;
  readonly nodeMicroseconds: number;
  readonly redisMicroseconds: number;
}

async function measure(keys: number, count: number, atOnce: number): Promise<Figures> {
  await using world = await startWorld();
  const [shard] = world.system.shards;
  if (!shard) throw new Error('no shard');
  const waiting = new Map<string, () => void>();
  const actors = await world.system.startKeyed(MAILBOX, ({ key, epoch }) => ({
    window: () => 20,
    receive: async (entry) => {
      await shard.submit(scripts.acknowledge, [`${MAILBOX}:${key}`, String(epoch), entry]);
      waiting.get(entry)?.();
    },
  }));
  const tell = async (number: number): Promise<void> => {
    const received = new Promise<void>((resolve) => waiting.set(`e${number}`, resolve));
    const now = Date.now();
    await shard.submit(scripts.tell, [`${MAILBOX}:k${number % keys}`, `e${number}`, now, now]);
    await received;
    waiting.delete(`e${number}`);
  };
  await Promise.all(Array.from({ length: keys }, (_, i) => tell(i))); // the activations, and warm code
  const redisCpu = async () => {
    const info = await world.redis.info('cpu');
    return Number(info.get('used_cpu_user')) + Number(info.get('used_cpu_sys'));
  };
  const [startedAt, cpu, redis] = [performance.now(), process.cpuUsage(), await redisCpu()];
  let next = keys;
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < count + keys) await tell(next++);
    }),
  );
  const used = process.cpuUsage(cpu);
  const figures = {
    perSecond: Math.round((count * 1000) / (performance.now() - startedAt)),
    nodeMicroseconds: Math.round((used.user + used.system) / count),
    redisMicroseconds: Math.round((((await redisCpu()) - redis) * 1e6) / count),
  };
  await actors.drain(AbortSignal.timeout(10_000));
  return figures;
}

console.log('| keys | told | entries/s | CPU Node us | CPU Redis us |\n|---|---|---|---|---|');
for (const keys of [1, 4, 100]) {
  for (const [name, count, atOnce] of [
    ['in bulk (500 at once)', entries, 500],
    ['one at a time', Math.ceil(entries / 10), 1],
  ] as const) {
    const { perSecond, nodeMicroseconds, redisMicroseconds } = await measure(keys, count, atOnce);
    console.log(`| ${keys} | ${name} | ${perSecond} | ${nodeMicroseconds} | ${redisMicroseconds} |`);
  }
}
