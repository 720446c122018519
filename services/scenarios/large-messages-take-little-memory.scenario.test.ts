// Content is streamed: 50 concurrent messages of 50 MB add under 100 MB to the process that receives them. Those delivered arrive whole.
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startProduct } from '#shared/testing/product.ts';
import { prepareLoad } from './testing/load.ts';

const MB = 1024 * 1024;
const COUNT = 50;
const DELIVERED = 4;

/** Bytes of resident memory now, and the most since the last reset (proc(5), clear_refs). */
function resident(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytes('VmRSS'), most: bytes('VmHWM') };
}

test('50 concurrent messages of 50 MB add under 100 MB', { timeout: 180_000 }, async () => {
  await using load = await prepareLoad({ messages: COUNT, sessions: COUNT, size: 49 * MB });
  await load.sink.setMode('refuse');
  const sites = [{ match: '*', connections: 2 }];
  await using product = await startProduct({ config: { ...load.routes, sites, delivery: { retry: ['1s'], circuit: ['1s'] } } });
  // A process that has just started grows with its first messages, whatever their size.
  await using small = await prepareLoad({ messages: 1_000, sessions: COUNT, size: 32_768 });
  await small.send(product).done;
  const [ingress = 0] = product.pids('smtp-ingress');
  const [deliverer = 0] = product.pids('remote-delivery');
  for (const pid of [ingress, deliverer]) writeFileSync(`/proc/${pid}/clear_refs`, '5');
  const before = { ingress: resident(ingress).now, deliverer: resident(deliverer).now };
  const source = load.send(product);
  const { acknowledged, failures } = await source.done;
  expect({ acknowledged, failures }).toEqual({ acknowledged: COUNT, failures: 0 });
  const added = (resident(ingress).most - before.ingress) / MB;
  console.log(`${added.toFixed(0)} MB added`);
  expect(added).toBeLessThan(100);
  await load.sink.setMode('accept');
  await load.sink.reached(DELIVERED);
  // What streams out leaves buffers behind until they are collected: more where the machine is slow, and never whole messages.
  expect((resident(deliverer).most - before.deliverer) / MB).toBeLessThan(180);
});
