// Where mail that comes due belongs, after routes and MX records have changed.
import { expect, test } from 'vitest';
import { type ConfigInput, schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import type { Resolution } from '#shared/protocol/resolution.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { whereIs } from './course.ts';

const ID = newQueueId(0, 0);
const SITE = { transport: 'dns', site: 'mx.example.net' } as const;
const SMARTHOST = { transport: 'smarthost', host: 'smart.example', port: 587 } as const;
const RESOLVER = { kind: 'elsewhere', mailbox: { role: 'resolver', key: 'example.net' } };
const found = (site: string): Resolution => ({ kind: 'hosts', site, hosts: [{ name: site, preference: 1, addresses: ['192.0.2.1'] }], expiresAt: 1 });

function ask(here: typeof SITE | typeof SMARTHOST, input: ConfigInput, resolution: Resolution | null = null) {
  const config = schema.parse(input);
  return whereIs({ config: () => config, directory: createDirectory(() => config), resolutions: { lookup: async () => resolution } }, here, 'example.net', ID);
}

test('a site that is still the domain’s takes it, over the port of the configuration', async () => {
  const where = await ask(SITE, { resolver: { smtp_port: 2525 } }, found('mx.example.net'));
  if (where.kind !== 'here') throw new Error('elsewhere');
  expect(await where.course.nextHop()).toMatchObject({ port: 2525, tls: { mode: 'opportunistic' }, publicOnly: true });
});

test('another site gets it in the partition of its rule', async () => {
  const where = await ask(SITE, { sites: [{ match: 'new.example.net', partitions: 1 }] }, found('new.example.net'));
  expect(where).toEqual({ kind: 'elsewhere', mailbox: { role: 'remote-delivery', key: 'dns/new.example.net#0' } });
});

test.each([null, { kind: 'null-mx', expiresAt: 1 }, { kind: 'delayed', status: '4.4.3', diagnostic: 'x', expiresAt: 1 }] as const)(
  'the resolver gets what has no hosts: %j',
  async (resolution) => {
    expect(await ask(SITE, {}, resolution)).toEqual(RESOLVER);
  },
);

test('the resolver gets what is routed otherwise now', async () => {
  const routes = { '*': SMARTHOST } as const;
  expect(await ask(SITE, { routes }, found('mx.example.net'))).toEqual(RESOLVER);
  expect(await ask(SMARTHOST, { routes: { '*': { ...SMARTHOST, port: 25 } } })).toEqual(RESOLVER);
  expect(await ask(SMARTHOST, {})).toEqual(RESOLVER);
});

test('a smarthost keeps what is routed to it; other credentials are other connections', async () => {
  const pools = new Set<string>();
  for (const credentials of ['/one', '/two', '/two']) {
    const where = await ask(SMARTHOST, { routes: { '*': { ...SMARTHOST, credentials } } });
    if (where.kind === 'here') pools.add(where.course.pool);
  }
  expect(pools.size).toBe(2);
});
