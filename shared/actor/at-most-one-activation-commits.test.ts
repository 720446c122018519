// At most one activation of a key commits, whatever happens to the processes: judged from the history of commits, in which
// the epochs of one mailbox never fall and each entry stands once.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { REDIS_KINDS, type StartedRedis, startStandalone } from '#shared/testing/redis-kinds.ts';
import { startWorld, type World } from '#shared/testing/world.ts';
import { tell } from './runtime.suite.ts';

const LEASE = 1500;
const KEYS = 4;

async function worker(redis: object, script: string): Promise<ChildProcess> {
  const child = fork(new URL('./testdata/worker.child.ts', import.meta.url), [JSON.stringify(redis), script, String(LEASE)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`a worker ended with ${String(code)} before it was ready`)));
  await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {}); // killed by the test
  return child;
}

/** What is wrong with a history: epochs that fall, entries that stand twice. */
function judge(history: readonly string[]): { readonly fallen: number; readonly repeated: number } {
  const epochs = new Map<string, number>();
  const entries = new Set<string>();
  let [fallen, repeated] = [0, 0];
  for (const line of history) {
    const [mailbox = '', epoch, entry = ''] = line.split(' ');
    if (Number(epoch) < (epochs.get(mailbox) ?? 0)) fallen++;
    epochs.set(mailbox, Math.max(Number(epoch), epochs.get(mailbox) ?? 0));
    if (entries.has(entry)) repeated++;
    entries.add(entry);
  }
  return { fallen, repeated };
}

async function tellMany(world: World, from: number, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, i) => tell(world, `remote-delivery:k${(from + i) % KEYS}`, `e${from + i}`)));
}

const history = async (world: World) => (await world.system.reader.lrange(`${world.system.shards[0]?.base}history`, '0', '-1')) as string[];

async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => once(child, 'exit')));
}

/** Stops a process for longer than its lease while it has work, lets another take over, and lets it go on. */
async function pauseAndResume({ settings }: StartedRedis, script: string): Promise<readonly string[]> {
  await using world = await startWorld({ config: { redis: settings } });
  const first = await worker(settings, script);
  await tellMany(world, 0, 400);
  await eventually(async () => (await history(world)).length > 20);
  first.kill('SIGSTOP');
  const second = await worker(settings, script);
  await eventually(async () => (await history(world)).some((line) => line.endsWith(` ${second.pid}`)), { within: 15_000 });
  first.kill('SIGCONT');
  await eventually(async () => new Set((await history(world)).map((line) => line.split(' ')[2])).size === 400, { within: 20_000 });
  // What the first process still had in hand has come through, or been refused, by now.
  await eventually(async () => (await world.system.depths()).every((depth) => depth.due === 0), { within: 10_000 });
  const result = await history(world);
  await end([first, second]);
  return result;
}

test('without the epoch check the same history shows the fault', async () => {
  // The process that is stopped has something in hand nearly always: one that had nothing shows nothing.
  let faults = 0;
  for (let run = 0; run < 4 && faults === 0; run++) {
    await using redis = await startStandalone();
    const { fallen, repeated } = judge(await pauseAndResume(redis, 'commit_unfenced'));
    faults = fallen + repeated;
  }
  expect(faults).toBeGreaterThan(0);
}, 200_000);

describe.each(REDIS_KINDS)('$kind', ({ start }) => {
  test('a process stopped for longer than its lease commits nothing after its successor did', async () => {
    await using redis = await start();
    expect(judge(await pauseAndResume(redis, 'commit_history'))).toEqual({ fallen: 0, repeated: 0 });
  }, 60_000);

  test('kills, stops and a lost Redis in the middle of a load: nothing lost, nothing committed twice', async () => {
    await using redis = await start();
    const { settings } = redis;
    await using world = await startWorld({ config: { redis: settings } });
    let children: ChildProcess[] = await Promise.all([
      worker(settings, 'commit_history'),
      worker(settings, 'commit_history'),
      worker(settings, 'commit_history'),
    ]);
    await tellMany(world, 0, 600);
    await eventually(async () => (await history(world)).length > 50, { within: 10_000 });
    children[0]?.kill('SIGKILL');
    children[1]?.kill('SIGSTOP');
    await tellMany(world, 600, 200);
    const lost = redis.lose();
    const more = tellMany(world, 800, 200);
    await lost;
    await more;
    children[1]?.kill('SIGCONT');
    children = [...children, await worker(settings, 'commit_history')];
    await eventually(async () => (await history(world)).length >= 1000, { within: 40_000, every: 100 });
    const result = await history(world);
    expect(judge(result)).toEqual({ fallen: 0, repeated: 0 });
    expect(result.length).toBe(1000);
    await end(children);
  }, 120_000);
});
