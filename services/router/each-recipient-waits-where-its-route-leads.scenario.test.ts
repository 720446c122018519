// Router, spool and directory together on a real Redis: after one message, each recipient waits at the right mailbox, once.
import { expect, test } from 'vitest';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { createResolutionCache } from '#shared/directory/resolution-cache.ts';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import { partitionFor } from '#shared/protocol/destination.ts';
import type { ActorRole, Mailbox } from '#shared/protocol/topology.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { incoming, startWorld, type World } from '#shared/testing/world.ts';
import { startRouter } from './service.ts';

const CONTENT = Buffer.from('Subject: x\r\n\r\nhello\r\n');

async function startPart(config: Parameters<typeof startWorld>[0] = {}) {
  const world = await startWorld({
    config: {
      accounts: [{ address: 'alice@example.org' }],
      domains: { 'example.org': { aliases: { team: ['alice@example.org', 'x@known.example'] } } },
      routes: {
        '*': { transport: 'dns' },
        'partner.example': { transport: 'smarthost', host: 'gw.partner.example', port: 2525 },
        'closed.example': { transport: 'error', status: '5.7.1', text: 'Closed' },
        'later.example': { transport: 'error', status: '4.3.2', text: 'Later' },
      },
      ...config.config,
    },
  });
  const skew = { ahead: 0 };
  const resolutions = createResolutionCache(world.system.reader, 'stafette', { now: () => Date.now() + skew.ahead, monotonic: world.clock.monotonic });
  let current = world.config;
  const directory = createDirectory(() => current);
  const router = await startRouter({ ...world, config: () => current, actors: world.system, directory, resolutions });
  const reload = (changed: Partial<World['config']>) => {
    current = { ...current, ...changed };
  };
  const close = async () => {
    await router.drain(AbortSignal.timeout(5_000));
    await world.close();
  };
  return { world, resolutions, skew, reload, [Symbol.asyncDispose]: close };
}

async function send(world: World, recipients: readonly EnvelopeRecipient[], more: Parameters<typeof incoming>[1] = {}): Promise<QueueId> {
  const message = incoming(world.spool, { envelope: { reversePath: 'sender@example.com', recipients, body: '7bit', smtputf8: false }, ...more });
  await world.spool.commit(message, CONTENT);
  return message.id;
}

/** The recipient, once it waits there. */
async function waiting(world: World, id: QueueId, number: number, mailbox: Mailbox<ActorRole>) {
  return eventually(async () => (await world.spool.read({ id, recipients: [number] }, mailbox))?.recipients[0]);
}

test('each recipient waits where its route leads', async () => {
  await using part = await startPart();
  const { world, resolutions } = part;
  await resolutions.store('known.example', {
    kind: 'hosts',
    site: 'mx.known.example',
    hosts: [{ name: 'mx.known.example', preference: 0, addresses: ['192.0.2.1'] }],
    expiresAt: Date.now() + 60_000,
  });
  const to = ['alice@example.org', 'x@known.example', 'x@unknown.example', 'x@partner.example', 'x@closed.example', 'x@later.example', 'nobody@example.org'];
  const id = await send(
    world,
    to.map((address) => ({ address })),
  );
  expect(await waiting(world, id, 0, { role: 'local-mailbox' })).toMatchObject({ address: 'alice@example.org', transport: 'local', attempts: 0 });
  expect(await waiting(world, id, 1, { role: 'remote-delivery', key: 'dns/mx.known.example#0' })).toMatchObject({
    address: 'x@known.example',
    transport: 'dns',
    domain: 'known.example',
  });
  expect(await waiting(world, id, 2, { role: 'resolver', key: 'unknown.example' })).toMatchObject({ transport: 'dns' });
  const partition = partitionFor(id, 4);
  const partner = await waiting(world, id, 3, { role: 'remote-delivery', key: `smarthost/gw.partner.example:2525#${partition}` });
  expect(partner).toMatchObject({ transport: 'smarthost', rule: 'route partner.example' });
  expect(await waiting(world, id, 4, { role: 'bounce' })).toMatchObject({ state: 'owed', last: { kind: 'failed', status: '5.7.1', diagnostic: 'Closed' } });
  expect(await waiting(world, id, 5, { role: 'resolver', key: 'later.example' })).toMatchObject({ transport: 'error', state: 'queued' });
  expect(await waiting(world, id, 6, { role: 'bounce' })).toMatchObject({ state: 'owed', last: { kind: 'failed', status: '5.1.1' } });
});

test('of a domain in use, one message has its hosts looked up anew before they expire, and no other waits for that', async () => {
  await using part = await startPart();
  const { world, resolutions, skew } = part;
  await resolutions.store('known.example', { kind: 'hosts', site: 'mx.known.example', hosts: [], expiresAt: Date.now() + 3_600_000 });
  skew.ahead = 0.95 * 3_600_000;
  await waiting(world, await send(world, [{ address: 'x@known.example' }]), 0, { role: 'resolver', key: 'known.example' });
  await waiting(world, await send(world, [{ address: 'x@known.example' }]), 0, { role: 'remote-delivery', key: 'dns/mx.known.example#0' });
});

test('who asked not to be told of failures is not, and a message without open recipients is over', async () => {
  await using part = await startPart();
  const { world } = part;
  await send(world, [{ address: 'nobody@example.org', notify: ['never'] }]);
  await eventually(async () => Number(await world.redis.command('HGET', '{stafette:0}:stat', 'messages')) === 0);
});

test('a list with NOTIFY=SUCCESS owes one DSN for its name, and the members are delivered', async () => {
  await using part = await startPart();
  const { world } = part;
  const id = await send(world, [{ address: 'team@example.org', notify: ['success', 'failure'] }]);
  expect(await waiting(world, id, 0, { role: 'bounce' })).toMatchObject({ address: 'team@example.org', last: { kind: 'delivered' } });
  expect(await waiting(world, id, 1, { role: 'local-mailbox' })).toMatchObject({ notify: ['failure'], orcpt: 'rfc822;team@example.org' });
  expect(await waiting(world, id, 2, { role: 'resolver', key: 'known.example' })).toMatchObject({ notify: ['failure'] });
});

test('a message that went round too often fails for all', async () => {
  await using part = await startPart();
  const { world } = part;
  const id = await send(world, [{ address: 'alice@example.org' }], { hops: 100 });
  expect(await waiting(world, id, 0, { role: 'bounce' })).toMatchObject({ last: { kind: 'failed', status: '5.4.6' } });
  expect(JSON.stringify(await world.redis.command('XRANGE', '{stafette:0}:trace', '-', '+'))).toMatch(/why[^}]*5\.4\.6 /);
});

test('mail that meets a loop made by a reload fails once, and the trace says why', async () => {
  await using part = await startPart();
  const { world } = part;
  await waiting(world, await send(world, [{ address: 'team@example.org' }]), 0, { role: 'local-mailbox' });
  // No alias alone makes one in a configuration that loads; a catch-all can.
  part.reload({ domains: { 'example.org': { aliases: { team: 'nobody@example.org' }, catch_all: 'team@example.org' } } });
  const id = await send(world, [{ address: 'team@example.org' }, { address: 'alice@example.org' }]);
  const failed = { state: 'owed', last: { kind: 'failed', status: '5.4.6', diagnostic: 'This alias leads back to itself' } };
  expect(await waiting(world, id, 0, { role: 'bounce' })).toMatchObject({ address: 'team@example.org', ...failed });
  expect(await waiting(world, id, 1, { role: 'local-mailbox' })).toMatchObject({ address: 'alice@example.org' });
  const events = JSON.stringify(await world.redis.command('XRANGE', '{stafette:0}:trace', '-', '+'));
  expect(events).toMatch(/alias team@example.org[^}]*why[^}]*5\.4\.6 This alias leads back to itself/);
});

test('the trace says which rule sent whom where', async () => {
  await using part = await startPart();
  const { world } = part;
  const id = await send(world, [{ address: 'team@example.org' }]);
  await waiting(world, id, 0, { role: 'local-mailbox' });
  const events = JSON.stringify(await world.redis.command('XRANGE', '{stafette:0}:trace', '-', '+'));
  expect(events).toContain('alias team@example.org > account');
  expect(events).toContain('alias team@example.org > route *');
});
