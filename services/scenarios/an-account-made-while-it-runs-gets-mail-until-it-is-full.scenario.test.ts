// `stafette account` beside a product that runs: a new account takes mail and logs in within seconds, a full one is a 452 at RCPT, one that was
// removed is a 550.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { stafette } from './testing/stafette.ts';
import { greeted, send } from './testing/talk.ts';

const OURS = { domains: { 'example.org': {} }, accounts: [{ address: 'alice@example.org' }] };
const ROOM = { within: 10_000, every: 200 };

test('an account made while it runs gets mail until it is full', async () => {
  await using product = await startProduct({
    config: { ...OURS, mailstore: { quota: 4000 } },
  });
  const rcpt = async (address: string, parameters = ''): Promise<string> => {
    await using dialogue = await greeted(product.smtp);
    await dialogue.command(`MAIL FROM:<sender@client.test>${parameters}`, '250');
    const { code, lines } = await dialogue.command(`RCPT TO:<${address}>`);
    return `${code} ${lines[0]}`;
  };
  expect(await rcpt('carol@example.org')).toMatch(/^550 5\.1\.1 /);
  expect(await stafette(product, ['account', 'add', 'carol@example.org', '--password-stdin'], 'secret\n')).toMatchObject({ status: 0, err: '' });
  await eventually(async () => (await rcpt('carol@example.org')).startsWith('250'), ROOM);
  await send(product, { to: ['alice@example.org', 'carol@example.org'], text: `Subject: big\n\n${'x'.repeat(1400)}\n` });
  const used = async () => JSON.parse((await stafette(product, ['account', 'list', '--json'])).out).accounts[1].bytes as number;
  await eventually(async () => (await used()) > 1400, ROOM);
  expect(await rcpt('alice@example.org')).toMatch(/^250 /);
  expect(await rcpt('carol@example.org')).toMatch(/^250 /);
  // RFC 1870: what is too large for what is left is refused before it comes, and would else be a bounce later.
  const full = '452 4.2.2 Mailbox full';
  await eventually(async () => (await rcpt('carol@example.org', ' SIZE=4000')) === full, ROOM);
  expect(await rcpt('carol@example.org', ' SIZE=1000')).toMatch(/^250 /);

  await product.reconfigure({ ...OURS, mailstore: { quota: 1400 } });
  await eventually(async () => (await rcpt('carol@example.org')) === full && (await rcpt('alice@example.org')) === full, ROOM);
  expect(await stafette(product, ['account', 'remove', 'carol@example.org', '--delete-mail'])).toMatchObject({
    status: 0,
    out: expect.stringContaining('1 messages deleted'),
  });
  await eventually(async () => (await rcpt('carol@example.org')).startsWith('550'), ROOM);
});
