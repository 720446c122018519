// Resolver, spool, cache and a real name server together: mail that waits for a domain goes on to its site, or ends with a reason.
import { expect, test } from 'vitest';
import type { ConfigInput } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { createResolutionCache } from '#shared/directory/resolution-cache.ts';
import { partitionFor } from '#shared/protocol/destination.ts';
import type { ActorRole, Mailbox } from '#shared/protocol/topology.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { NewRecipient } from '#shared/spool/spool.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startNameServer } from '#shared/testing/name-server.ts';
import { fresh, incoming, startWorld, type World } from '#shared/testing/world.ts';
import { startResolver } from './service.ts';

function startOn(world: World, node: Pick<World, 'system' | 'spool' | 'metrics'>) {
  const resolutions = createResolutionCache(node.system.reader, 'stafette', world.clock);
  const directory = createDirectory(() => world.config);
  const host = { ...world, ...node, config: () => world.config, onReload: () => () => undefined, actors: node.system, directory, resolutions };
  return { resolutions, starting: startResolver(host) };
}

async function startPart(input: ConfigInput = {}) {
  const server = await startNameServer();
  const world = await startWorld({
    config: {
      hostname: 'relay.example.com',
      ...input,
      resolver: { servers: [`${server.host}:${server.port}`], timeout: '2s', tries: 1, min_ttl: '1ms', ...input.resolver },
    },
  });
  const { resolutions, starting } = startOn(world, world);
  const resolver = await starting;
  const close = async () => {
    await resolver.drain(AbortSignal.timeout(5_000));
    await world.close();
    await server.close();
  };
  return { server, world, resolver, resolutions, [Symbol.asyncDispose]: close };
}

/** A message as the router leaves it: two recipients that wait for the domain. */
async function send(world: World, domain: string, more: Partial<NewRecipient> = {}): Promise<QueueId> {
  const message = incoming(world.spool);
  await world.spool.commit(message, Buffer.from('Subject: x\r\n\r\nhello\r\n'));
  const recipient = { of: 0, transport: 'dns', domain, rule: '*', mailbox: { role: 'resolver', key: domain }, ...more } as const;
  await world.spool.expand(
    fresh(message.id),
    [0, 1].map((number) => ({ ...recipient, number, address: `r${number}@${domain}` })),
    [],
  );
  return message.id;
}

async function waiting(world: World, id: QueueId, mailbox: Mailbox<ActorRole>) {
  return eventually(async () => (await world.spool.read({ id, recipients: [0, 1] }, mailbox))?.recipients);
}

test('all recipients go on to the site together, and the domain is asked for once', async () => {
  await using part = await startPart();
  const { world, server, resolutions } = part;
  server.set('example.net', 'MX', [{ preference: 10, exchange: 'mx.example.net' }]);
  server.set('mx.example.net', 'A', ['192.0.2.1']);
  server.behave('example.net', { kind: 'slow', ms: 100 });
  const ids = await Promise.all(Array.from({ length: 20 }, () => send(world, 'example.net')));
  for (const id of ids)
    expect((await waiting(world, id, { role: 'remote-delivery', key: 'dns/mx.example.net#0' })).map(({ number }) => number)).toEqual([0, 1]);
  expect(server.count('example.net', 'MX')).toBe(1);
  expect(await resolutions.lookup('example.net')).toMatchObject({ kind: 'hosts', site: 'mx.example.net' });
  expect(JSON.stringify(await world.redis.command('XRANGE', '{stafette:0}:trace', '-', '+'))).toContain('10 mx.example.net');
});

test('domains with the same hosts share a site, and its partitions', async () => {
  await using part = await startPart({ sites: [{ match: 'mx.example.net', partitions: 3 }] });
  const { world, server } = part;
  server.set('mx.example.net', 'A', ['192.0.2.1']);
  const used = new Set<number>();
  for (const domain of ['one.example', 'two.example']) server.set(domain, 'MX', [{ preference: 10, exchange: 'mx.example.net' }]);
  for (let times = 0; times < 16; times++) {
    const id = await send(world, times % 2 ? 'one.example' : 'two.example');
    used.add(partitionFor(id, 3));
    await waiting(world, id, { role: 'remote-delivery', key: `dns/mx.example.net#${partitionFor(id, 3)}` });
  }
  expect(used.size).toBeGreaterThan(1);
});

test('what can never be delivered owes a DSN with the reason', async () => {
  await using part = await startPart();
  const { world, server } = part;
  server.set('null.example', 'MX', [{ preference: 0, exchange: '.' }]);
  server.set('loop.example', 'MX', [{ preference: 0, exchange: 'relay.example.com' }]);
  for (const [domain, status] of [
    ['null.example', '5.1.10'],
    ['none.example', '5.1.2'],
    ['loop.example', '5.4.6'],
  ] as const) {
    const owed = await waiting(world, await send(world, domain), { role: 'bounce' });
    expect(owed.map(({ attempts, last }) => [attempts, last])).toEqual([0, 1].map(() => [1, expect.objectContaining({ kind: 'failed', status })]));
  }
  const silent = await send(world, 'none.example', { notify: ['never'] });
  await eventually(async () => (await world.redis.command('EXISTS', `{stafette:0}:m:${silent}`)) === 0);
});

test('a name server that fails only delays, and the mail goes when it is well', async () => {
  await using part = await startPart({ delivery: { retry: ['50ms'] } });
  const { world, server } = part;
  server.behave('example.net', { kind: 'rcode', rcode: 'SERVFAIL' });
  server.set('example.net', 'A', ['192.0.2.1']);
  const id = await send(world, 'example.net');
  const delayed = await eventually(async () => (await waiting(world, id, { role: 'resolver', key: 'example.net' })).find(({ attempts }) => attempts > 1));
  expect(delayed).toMatchObject({ last: { kind: 'delayed', status: '4.4.3', scope: 'site' } });
  server.behave('example.net', null);
  await waiting(world, id, { role: 'remote-delivery', key: 'dns/example.net#0' });
});

test('what was delayed too long fails with what was seen last', async () => {
  await using part = await startPart({ delivery: { retry: ['30ms'], max_age: '300ms' } });
  const { world, server } = part;
  server.behave('example.net', { kind: 'rcode', rcode: 'SERVFAIL' });
  const [owed] = await waiting(world, await send(world, 'example.net'), { role: 'bounce' });
  expect(owed?.last).toMatchObject({ kind: 'failed', status: '4.4.7', diagnostic: expect.stringContaining('SERVFAIL') });
  expect(owed?.attempts).toBeGreaterThan(1);
});

test('a route that changed while the mail waited is taken', async () => {
  await using part = await startPart({
    routes: {
      'gone.example': { transport: 'error', status: '5.7.1', text: 'Closed' },
      'partner.example': { transport: 'smarthost', host: 'gw.example', port: 25 },
      'later.example': { transport: 'error', status: '4.3.2', text: 'Later' },
    },
    sites: [{ match: 'gw.example', partitions: 1 }],
  });
  const { world } = part;
  expect((await waiting(world, await send(world, 'gone.example'), { role: 'bounce' }))[0]?.last).toMatchObject({ status: '5.7.1' });
  await waiting(world, await send(world, 'partner.example'), { role: 'remote-delivery', key: 'smarthost/gw.example:25#0' });
  const id = await send(world, 'later.example');
  const later = await eventually(async () => (await waiting(world, id, { role: 'resolver', key: 'later.example' })).find(({ attempts }) => attempts > 0));
  expect(later.last).toMatchObject({ kind: 'delayed', status: '4.3.2' });
});

test('a stop while a name server thinks leaves the mail as it was, and another process takes it over', async () => {
  await using part = await startPart({ resolver: { timeout: '60s' } });
  const { world, server, resolver } = part;
  server.set('example.net', 'A', ['192.0.2.1']);
  server.behave('example.net', { kind: 'silent' });
  const id = await send(world, 'example.net');
  await eventually(() => server.queries.length > 0);
  await resolver.drain(AbortSignal.timeout(50));
  expect(await waiting(world, id, { role: 'resolver', key: 'example.net' })).toMatchObject([{ attempts: 0 }, { attempts: 0 }]);
  server.behave('example.net', null);
  const other = await startOn(world, await world.another()).starting;
  const moved = await waiting(world, id, { role: 'remote-delivery', key: 'dns/example.net#0' });
  expect(moved).toMatchObject([{ attempts: 0 }, { attempts: 0 }]);
  await other.drain(AbortSignal.timeout(5_000));
});
