// A domain that takes no mail (null MX, RFC 7505) or does not exist is told to the sender at once; one whose name servers fail waits.
import { expect, test } from 'vitest';
import { startNameServer } from '#shared/testing/name-server.ts';
import { startProduct } from '#shared/testing/product.ts';
import { startSink } from '#shared/testing/sink.ts';
import { send } from './testing/talk.ts';

test('null MX and NXDOMAIN bounce, SERVFAIL waits until it is over', { timeout: 60_000 }, async () => {
  await using names = await startNameServer();
  await using sink = await startSink({ tls: 'none' });
  names.set('null.test', 'MX', [{ preference: 0, exchange: '.' }]);
  names.set('ill.test', 'MX', [{ preference: 10, exchange: 'mx.ill.test' }]);
  names.set('mx.ill.test', 'A', ['127.0.0.1']);
  names.behave('ill.test', { kind: 'rcode', rcode: 'SERVFAIL' });
  const home = { transport: 'smarthost' as const, host: '127.0.0.1', port: sink.port, tls: 'none' as const };
  const resolver = { servers: [`${names.host}:${names.port}`], smtp_port: sink.port, allow_private: true, tries: 1, min_ttl: '1s', negative_ttl: '1s' };
  const config = { routes: { 'home.test': home, '*': { transport: 'dns' as const } }, resolver, delivery: { retry: ['1s'] } };
  await using product = await startProduct({ config });
  for (const domain of ['null.test', 'gone.test', 'ill.test']) await send(product, { from: 'alice@home.test', to: `bob@${domain}` });

  const bounces = (await sink.received(2, { within: 20_000 })).map(({ content }) => content.toString());
  const reportOf = (domain: string) =>
    bounces.find((text) => text.includes(`Final-Recipient: rfc822; bob@${domain}`) || text.includes(`Final-Recipient: rfc822;bob@${domain}`));
  expect(reportOf('null.test')).toMatch(/^Status: 5\.1\.10$/m);
  expect(reportOf('gone.test')).toMatch(/^Status: 5\.1\.2$/m);

  names.behave('ill.test', null);
  const all = await sink.received(3, { within: 20_000 });
  expect(all).toHaveLength(3);
  expect(all[2]?.recipients.map(({ path }) => path)).toEqual(['bob@ill.test']);
});
