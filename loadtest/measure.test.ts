import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { cpuSeconds, MARK, processesOf, proportionalSetSize, startMeter } from './measure.ts';

/** CPU time, not time: the machine may be busy. */
const BUSY = 'while (process.cpuUsage().user < 400_000);';

test('the CPU of a tree counts children that have ended', async () => {
  const script = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(BUSY)}]); console.log('done'); setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['-e', script]);
  await once(parent.stdout, 'data');
  const tree = processesOf([parent.pid ?? -1]);
  expect(tree).toHaveLength(1);
  expect(cpuSeconds(tree)).toBeGreaterThan(0.35);
  expect(proportionalSetSize(tree)).toBeGreaterThan(1024 ** 2);
  parent.kill('SIGKILL');
  await once(parent, 'exit');
});

test('a process that left the tree is found by its mark', async () => {
  const mark = `test-${process.pid}`;
  const script = `require('node:child_process').spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).unref();`;
  const parent = spawn(process.execPath, ['-e', script], { env: { ...process.env, [MARK]: mark } });
  await once(parent, 'exit');
  const [orphan] = await eventually(() => {
    const found = processesOf([], mark);
    return found.length === 1 && found;
  });
  expect(orphan?.name).toBe('sleep');
  process.kill(orphan?.pid ?? -1, 'SIGKILL');
});

test('the CPU of processes that play one role is told for each of them', async () => {
  const role = (work: string) => spawn(process.execPath, ['-e', `${work} console.log('done'); setInterval(() => {}, 1000);`, '--', '--role', 'router']);
  const [busy, idle] = [role(BUSY), role('')];
  const meter = startMeter(() => [busy.pid ?? -1, idle.pid ?? -1], undefined);
  await Promise.all([busy, idle].map((child) => once(child.stdout, 'data')));
  const [least = 0, most = 0, ...others] = (meter.cpuByRole().get('router') ?? []).toSorted((a, b) => a - b);
  expect(others).toEqual([]);
  expect(most - least).toBeGreaterThan(0.1);
  meter.stop();
  const ended = [busy, idle].map((child) => once(child, 'exit'));
  for (const child of [busy, idle]) child.kill('SIGKILL');
  await Promise.all(ended);
});
