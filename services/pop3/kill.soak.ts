// kill -9 of a process that holds a maildrop: nothing is removed, and another process has the maildrop when the lease is over.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openLineDialogue } from '#shared/session/testing/line-dialogue.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { ALICE, PLAIN, startPop3UnderTest } from './testing/pop3-under-test.ts';

test('the lock of a killed process ends with its lease, and what it marked is still there', async () => {
  await using pop3 = await startPop3UnderTest();
  await pop3.deliver(ALICE, 'Subject: x\r\n\r\nx\r\n');
  const child: ChildProcess = fork(fileURLToPath(new URL('./testing/holding.child.ts', import.meta.url)), [pop3.dataDir]);
  const [port] = (await once(child, 'message')) as [number];
  await using held = await openLineDialogue({ port });
  await held.transcript(`S: +OK *\nC: AUTH PLAIN ${PLAIN}\nS: +OK 1 *\nC: DELE 1\nS: +OK *`);
  await using client = await pop3.dial();
  await client.command(`AUTH PLAIN ${PLAIN}`, '-ERR [IN-USE] *');
  child.kill('SIGKILL');
  await held.closed();
  const killed = performance.now();
  await client.command(`AUTH PLAIN ${PLAIN}`, '-ERR [IN-USE] *');
  await eventually(async () => (await client.command(`AUTH PLAIN ${PLAIN}`)).startsWith('+OK 1 '), { within: 25_000, every: 250 });
  expect(performance.now() - killed).toBeLessThan(17_000);
}, 60_000);
