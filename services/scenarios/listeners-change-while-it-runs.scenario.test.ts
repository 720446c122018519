// A changed configuration opens, exchanges and closes listeners in every process, while a session of before goes on.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { startProduct } from '#shared/testing/product.ts';
import { openDialogue } from '#shared/testing/smtp-dialogue.ts';

const LONG = { within: 20_000, every: 50 };

test('listeners change in every process of the ingress, and a port that another has changes nothing', async () => {
  const other = await freePort();
  const config = { domains: { 'ours.test': {} }, accounts: [{ address: 'alice@ours.test' }] };
  await using product = await startProduct({ split: 2, config });
  const listens = (port: number, kind: 'relay' | 'submission' = 'relay') => ({ ...config, ingress: { listeners: [{ address: '127.0.0.1', port, kind }] } });
  const reloads = () => product.log().filter(({ msg }) => msg === 'reloaded').length;
  await using old = await openDialogue({ port: product.smtp });
  await old.transcript('S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<a@elsewhere.test>\nS: 250\nC: RCPT TO:<alice@ours.test>\nS: 250');

  await product.reconfigure(listens(other, 'submission'));
  await eventually(() => reloads() >= 2, LONG);
  for (let process = 0; process < 6; process++) {
    await using client = await openDialogue({ port: other });
    await client.transcript('S: 220\nC: EHLO x\nS: 250\nC: MAIL FROM:<alice@ours.test>\nS: 530 5.7.0 *\nC: QUIT\nS: 221');
  }
  await expect(openDialogue({ port: product.smtp })).rejects.toThrow();
  await old.transcript('C: DATA\nS: 354\nC: Subject: x\nC:\nC: x\nC: .\nS: 250 2.0.0 Ok: queued as *\nC: QUIT\nS: 221');

  const stranger = createServer().listen({ port: product.smtp, host: '127.0.0.1', exclusive: true });
  await once(stranger, 'listening');
  await product.reconfigure(listens(product.smtp));
  const refused = () => product.log().find(({ msg }) => msg === 'the new configuration is wrong; the old one stays in force');
  await eventually(() => refused() !== undefined, LONG);
  expect(refused()?.['problems']).toEqual([
    `port ${product.smtp} on 127.0.0.1 is in use (ingress.listeners[0].port): stop what listens there, or change ingress.listeners[0].port`,
  ]);
  await using still = await openDialogue({ port: other });
  await still.expect('220');
  stranger.close();
});
