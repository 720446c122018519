// Content is streamed all the way: 50 concurrent messages of 50 MB, in at one end and out at the other, add under 100 MB to each process of the
// way. All of them arrive as they were sent.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Part, type Product, startProduct } from '#shared/testing/product.ts';
import { prepareLoad } from './testing/load.ts';

const MB = 1024 * 1024;
const COUNT = 50;
const WAY: readonly Part[] = ['smtp-ingress', 'remote-delivery', 'redis'];

test('50 concurrent messages of 50 MB add under 100 MB to each process', { timeout: 240_000 }, async () => {
  await using load = await prepareLoad({ messages: COUNT, sessions: COUNT, size: 49 * MB, checked: true });
  await using product = await startProduct({ config: { ...load.routes, sites: [{ match: '*', connections: COUNT }] } });
  // A process that has just started grows with its first messages, whatever their size.
  await using small = await prepareLoad({ messages: 1_000, sessions: COUNT, size: 32_768 });
  await small.send(product).done;
  await load.sink.until(({ foreign }) => foreign === 1_000);

  const added = watchMemory(product);
  const { acknowledged, failures } = await load.send(product).done;
  expect({ acknowledged, failures }).toEqual({ acknowledged: COUNT, failures: 0 });
  await load.sink.reached(COUNT);
  expect(load.sink.arrivals()).toMatchObject({ distinct: COUNT, total: COUNT, damaged: 0 });
  const megabytes = added();
  console.log(`MB added: ${JSON.stringify(megabytes)}`);
  for (const part of WAY) expect(megabytes[part], part).toBeLessThan(100);
});

/** From now on: the most resident memory that each process of the way has had, beyond what it has now (proc(5), clear_refs), in MB. */
function watchMemory(product: Product): () => Readonly<Record<string, number>> {
  const watched = WAY.map((part) => {
    const pid = product.pids(part)[0] as number;
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return { part, pid, before: resident(pid, 'VmRSS') };
  });
  return () => Object.fromEntries(watched.map(({ part, pid, before }) => [part, Math.round((resident(pid, 'VmHWM') - before) / 1024)]));
}

function resident(pid: number, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
