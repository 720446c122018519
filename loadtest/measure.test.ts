import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { cpuSeconds, MARK, processesOf, proportionalSetSize } from './measure.ts';

const BUSY = 'const end = Date.now() + 300; while (Date.now() < end);';

test('the CPU of a tree counts children that have ended', async () => {
  const script = `require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(BUSY)}]); console.log('done'); setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['-e', script]);
  await once(parent.stdout, 'data');
  const tree = processesOf([parent.pid ?? -1]);
  expect(tree).toHaveLength(1);
  expect(cpuSeconds(tree)).toBeGreaterThan(0.15);
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
