// Mail that goes in circles comes to an end: by the number of its Received fields (RFC 5321 section 6.3), and by a Delivered-To of its own
// recipient. A message without a return address that fails is told to the postmaster, once.
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startSink } from '#shared/testing/sink.ts';
import { send } from './testing/talk.ts';

async function relay() {
  await using started = new AsyncDisposableStack();
  const sink = started.use(await startSink({ tls: 'none' }));
  const routes = {
    'dead.test': { transport: 'error' as const, status: '5.1.2' },
    '*': { transport: 'smarthost' as const, host: '127.0.0.1', port: sink.port, tls: 'none' as const },
  };
  const config = {
    domains: { 'here.test': { aliases: { gone: 'b@dead.test' } } },
    accounts: [{ address: 'a@here.test' }],
    postmaster: 'ops@elsewhere.test',
    routes,
  };
  const product = started.use(await startProduct({ config }));
  const all = started.move();
  return { sink, product, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

test.each([
  { loop: 'a hundred Received fields', to: 'b@away.test', header: 'Received: from x by y; Sun, 1 Nov 2026 00:00:00 +0000\n'.repeat(100) },
  { loop: 'a Delivered-To of the recipient', to: 'a@here.test', header: 'Delivered-To: a@here.test\n' },
])('$loop ends in a bounce', { timeout: 60_000 }, async ({ to, header }) => {
  await using one = await relay();
  await send(one.product, { from: 'alice@client.test', to, text: `${header}Subject: round\n\nround\n` });
  const [bounce] = await one.sink.received(1, { within: 20_000 });
  expect(bounce).toMatchObject({ reversePath: '', recipients: [{ path: 'alice@client.test' }] });
  expect(bounce?.content.toString()).toMatch(/^Status: 5\.4\.6$/m);
});

test('a message without a return address that fails is told to the postmaster once', { timeout: 60_000 }, async () => {
  await using one = await relay();
  await send(one.product, { from: '', to: 'gone@here.test' });
  const [report] = await one.sink.received(1, { within: 20_000 });
  expect(report).toMatchObject({ reversePath: '', recipients: [{ path: 'ops@elsewhere.test' }] });
  await eventually(async () => (await one.product.metric('spool_messages')) === 0, { within: 20_000 });
  expect(one.sink.messages).toHaveLength(1);
});
