// Mail leaves through a smarthost that wants a password: it is told over TLS with a certificate we can verify, and else not at all. What the
// client asked for by DSN parameters (RFC 3461) is passed on.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { privateAuthority } from '#shared/testing/certificate.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startSink } from '#shared/testing/sink.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { send } from './testing/talk.ts';

const MAIL = {
  from: 'a@client.test',
  to: 'b@away.test',
  mailParameters: ' RET=HDRS ENVID=env+2B1',
  rcptParameters: ' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bc@old.test',
};

async function smarthost() {
  await using started = new AsyncDisposableStack();
  const home = started.use(await tempDir('smarthost'));
  const authority = await privateAuthority();
  const sink = started.use(
    await startSink({ certificate: await authority.issue(), extensions: ['PIPELINING', 'DSN', '8BITMIME', 'ENHANCEDSTATUSCODES', 'AUTH PLAIN LOGIN'] }),
  );
  const [ca, credentials] = [join(home.path, 'ca.pem'), join(home.path, 'credentials')];
  writeFileSync(ca, authority.cert);
  writeFileSync(credentials, 'user:secret word\n', { mode: 0o600 });
  const all = started.move();
  const route = { transport: 'smarthost' as const, host: '127.0.0.1', port: sink.port, tls: 'verify' as const, credentials };
  return { sink, ca, route, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

test('credentials and DSN parameters reach a verified smarthost', { timeout: 60_000 }, async () => {
  await using next = await smarthost();
  await using product = await startProduct({ config: { routes: { '*': { ...next.route, ca: next.ca } } } });
  await send(product, MAIL);
  const [message] = await next.sink.received(1, { within: 20_000 });
  expect(message?.connection).toMatchObject({ encrypted: true, authentication: expect.stringContaining('secret word') as string });
  expect(message?.parameters.get('RET')).toBe('HDRS');
  expect(message?.parameters.get('ENVID')).toBe('env+2B1');
  const [recipient] = message?.recipients ?? [];
  expect(recipient?.parameters.get('NOTIFY')).toBe('SUCCESS,FAILURE');
  expect(recipient?.parameters.get('ORCPT')).toBe('rfc822;b+2Bc@old.test');
});

test('a smarthost that cannot be verified hears no credentials and gets no mail', { timeout: 60_000 }, async () => {
  await using next = await smarthost();
  await using product = await startProduct({ config: { routes: { '*': next.route } } });
  await send(product, MAIL);
  await eventually(async () => (await product.metric('outcomes_total', 'kind="delayed"')) > 0, { within: 20_000 });
  expect(next.sink.messages).toEqual([]);
  expect(next.sink.connections.length).toBeGreaterThan(0);
  expect(next.sink.connections.flatMap(({ commands }) => commands).filter((line) => /^AUTH/i.test(line))).toEqual([]);
});
