// Destination actors, the real spool and a real sink: mail that waits for a site goes there, once, and every recipient ends
// with its own outcome.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { destinationKey } from '#shared/protocol/destination.ts';
import { privateAuthority } from '#shared/testing/certificate.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startSink } from '#shared/testing/sink.ts';
import { DROP } from '#shared/testing/sink-script.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { CONTENT, DNS_KEY, hosts, startDelivery } from './testing/delivery-world.ts';

const TO = ['a@example.net', 'b@example.net', 'c@example.net'];

/** A sink on a loopback address of its own: hosts of a site share one port. */
async function startSite(addresses: readonly string[] = ['127.0.0.1'], config: Parameters<typeof startDelivery>[0] = {}) {
  const first = await startSink({ host: addresses[0] ?? '127.0.0.1' });
  const rest = await Promise.all(addresses.slice(1).map((host) => startSink({ host, port: first.port })));
  const delivery = await startDelivery({ ...config, resolver: { smtp_port: first.port, ...config.resolver } });
  await delivery.resolutions.store('example.net', hosts(addresses));
  const sinks = [first, ...rest];
  const close = async () => {
    await delivery[Symbol.asyncDispose]();
    await Promise.all(sinks.map((sink) => sink.close()));
  };
  return { ...delivery, sink: first, sinks, [Symbol.asyncDispose]: close };
}

const traced = async (part: { world: Awaited<ReturnType<typeof startDelivery>>['world'] }) =>
  JSON.stringify(await part.world.redis.command('XRANGE', '{stafette:0}:trace', '-', '+'));

describe('mail by DNS', () => {
  test('is relayed once to all its recipients, over kept connections, and leaves nothing behind', async () => {
    await using part = await startSite();
    const ids = await Promise.all(Array.from({ length: 30 }, () => part.send(DNS_KEY, 'example.net', TO)));
    await part.sink.received(30);
    for (const id of ids) await eventually(() => part.done(id));
    expect(part.sink.messages.every(({ content }) => content.equals(CONTENT))).toBe(true);
    expect(part.sink.messages[0]?.recipients.map(({ path }) => path)).toEqual(TO);
    expect(part.sink.connections.length).toBeLessThanOrEqual(20);
    expect(part.sink.messages[0]?.connection.encrypted).toBe(true);
    const line = part.world.lines.find((each) => each['msg'] === 'attempt');
    expect(line).toMatchObject({
      site: 'mx.example.net',
      host: 'mx0.example.net',
      kind: 'relayed',
      reply: '250 2.0.0 Ok: taken',
      ms: expect.any(Number),
    });
    expect(await traced(part)).toMatch(/attempted.*mx0\.example\.net.*TLSv1\.3.*relayed.*250 2\.0\.0 Ok: taken.*\[0,1,2\]/);
    expect(await part.world.metrics.registry.metrics()).toMatch(/stafette_site_outcomes_total\{site="mx.example.net",kind="relayed"\} 90/);
  });

  test('ends each recipient in its own way', async () => {
    await using part = await startSite();
    part.sink.behave({ rcpt: (path) => ({ 'a@example.net': '550 5.1.1 Unknown', 'b@example.net': '450 4.2.0 Greylisted' })[path] });
    const id = await part.send(DNS_KEY, 'example.net', TO);
    await part.sink.received(1);
    const [owed] = await eventually(async () => (await part.owed(id, 3)).length > 0 && part.owed(id, 3));
    expect(owed).toMatchObject({ number: 0, attempts: 1, last: { kind: 'failed', status: '5.1.1', host: 'mx0.example.net', reply: { code: 550 } } });
    expect(await part.recipients(id, DNS_KEY, 3)).toMatchObject([{ number: 1, attempts: 1, last: { kind: 'delayed', scope: 'recipient' } }]);
    const due = Number(await part.world.redis.command('ZSCORE', `{stafette:0}:due:remote-delivery:${DNS_KEY}`, `${id}/1`));
    expect(due - Date.now()).toBeGreaterThan(230_000);
  });

  test('takes the next host when the first refuses', async () => {
    await using part = await startSite(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
    await part.sinks[0]?.refuse();
    part.sinks[1]?.behave({ connect: () => '421 4.3.2 Busy' });
    const id = await part.send(DNS_KEY, 'example.net', TO);
    await part.sinks[2]?.received(1);
    await eventually(() => part.done(id));
    expect(part.sinks[1]?.connections).toHaveLength(1);
  });

  test('takes more recipients than one transaction holds, in several', async () => {
    await using part = await startSite();
    const many = Array.from({ length: 250 }, (_, at) => `r${at}@example.net`);
    const id = await part.send(DNS_KEY, 'example.net', many);
    await eventually(() => part.done(id));
    expect(part.sink.messages.map(({ recipients }) => recipients.length)).toEqual([100, 100, 50]);
    let taken = 0;
    part.sink.behave({
      mail: () => {
        taken = 0;
        return undefined;
      },
      rcpt: () => (taken++ < 40 ? undefined : '452 4.5.3 Too many'),
    });
    const next = await part.send(DNS_KEY, 'example.net', many.slice(0, 100));
    await eventually(() => part.done(next));
    expect(part.sink.messages.slice(3).map(({ recipients }) => recipients.length)).toEqual([40, 40, 20]);
  });

  test('cut between the final dot and its reply is in doubt, counted, and tried again', async () => {
    await using part = await startSite(['127.0.0.1'], { delivery: { retry: ['50ms'] } });
    let cuts = 0;
    part.sink.behave({ message: () => (cuts++ === 0 ? DROP : undefined) });
    const id = await part.send(DNS_KEY, 'example.net', TO.slice(0, 1));
    await eventually(() => part.done(id));
    expect(part.sink.messages).toHaveLength(2);
    expect(await part.world.metrics.registry.metrics()).toContain('stafette_in_doubt_total 1');
  });

  test('kept connections that died meanwhile cost nothing', async () => {
    await using part = await startSite();
    await eventually(part.done.bind(part, await part.send(DNS_KEY, 'example.net', TO)));
    let first = true;
    part.sink.behave({
      mail: () => {
        const drop = first;
        first = false;
        return drop ? '421 4.4.2 Idle too long' : undefined;
      },
    });
    const id = await part.send(DNS_KEY, 'example.net', TO);
    await eventually(() => part.done(id));
    expect(part.sink.messages).toHaveLength(2);
  });

  test('owes a relayed DSN where the next hop has no DSN (RFC 3461 section 5.2.2)', async () => {
    const sink = await startSink({ extensions: ['PIPELINING'] });
    await using part = await startDelivery({ resolver: { smtp_port: sink.port } });
    await part.resolutions.store('example.net', hosts(['127.0.0.1']));
    const id = await part.send(DNS_KEY, 'example.net', TO.slice(0, 1), { recipient: { notify: ['success'] } });
    expect(await eventually(async () => (await part.owed(id))[0])).toMatchObject({ last: { kind: 'relayed', dsnHonoured: false } });
    await sink.close();
  });

  test('to our own addresses fails unless it is allowed', async () => {
    await using part = await startSite(['127.0.0.1'], { resolver: { allow_private: false } });
    const id = await part.send(DNS_KEY, 'example.net', TO.slice(0, 1));
    expect(await eventually(async () => (await part.owed(id))[0])).toMatchObject({ last: { kind: 'failed', status: '5.4.6' } });
    expect(part.sink.connections).toHaveLength(0);
  });

  test('cold content is streamed', async () => {
    await using part = await startSite();
    const content = Buffer.concat([CONTENT, Buffer.alloc(3_000_000, 'A line of text.\r\n'), Buffer.from('\r\n')]);
    const id = await part.send(DNS_KEY, 'example.net', TO, { content });
    await eventually(() => part.done(id));
    expect(part.sink.messages[0]?.content.equals(content)).toBe(true);
  });
});

describe('the circuit of a site', () => {
  const delivery = { circuit: ['400ms'], retry: ['1h'] };

  test('opens when it is down; all that waits goes when the probe succeeds', async () => {
    await using part = await startSite(['127.0.0.1'], { delivery });
    await part.sink.refuse();
    const ids = await Promise.all(Array.from({ length: 25 }, () => part.send(DNS_KEY, 'example.net', TO.slice(0, 1))));
    await eventually(() => part.world.lines.some(({ msg }) => msg === 'circuit opened'));
    await part.sink.listen();
    for (const id of ids) await eventually(() => part.done(id));
    expect(part.sink.messages).toHaveLength(25);
    expect(part.world.lines.some(({ msg }) => msg === 'circuit closed')).toBe(true);
  });

  test('a probe that succeeds in one partition lets the others probe', async () => {
    await using part = await startSite(['127.0.0.1'], { delivery: { ...delivery, circuit: ['1h'] }, sites: [{ match: '*', partitions: 3 }] });
    await part.sink.refuse();
    const keys = [0, 1, 2].map((partition) => destinationKey({ transport: 'dns', site: 'mx.example.net' }, partition));
    const ids = await Promise.all(keys.map((key) => part.send(key, 'example.net', TO.slice(0, 1))));
    const asleep = (key: string) => part.world.redis.command('HGET', `{stafette:0}:key:remote-delivery:${key}`, 'until');
    for (const key of keys) await eventually(() => asleep(key));
    await part.sink.listen();
    await part.world.spool.probe({ role: 'remote-delivery', key: keys[1] as string });
    for (const id of ids) await eventually(() => part.done(id));
    expect(part.sink.messages).toHaveLength(3);
  });

  test('a probe that finds its message too old bounces it, and takes the next', async () => {
    await using part = await startSite(['127.0.0.1'], { delivery: { ...delivery, max_age: '1h' } });
    await part.sink.refuse();
    const old = await part.send(DNS_KEY, 'example.net', TO.slice(0, 1), { message: { receivedAt: Date.now() - 3_599_700 } });
    const young = await part.send(DNS_KEY, 'example.net', TO.slice(0, 1));
    await eventually(() => part.world.lines.some(({ msg }) => msg === 'circuit opened'));
    await part.sink.listen();
    await eventually(() => part.done(young));
    expect(await eventually(async () => (await part.owed(old))[0])).toMatchObject({
      last: { kind: 'failed', status: '4.4.7', diagnostic: expect.stringContaining('ECONNREFUSED') },
    });
    expect(part.sink.messages).toHaveLength(1);
  });
});

describe('mail whose domain has moved', () => {
  test('goes to the resolver when nothing is known any more', async () => {
    await using part = await startSite();
    const id = await part.send(DNS_KEY, 'unknown.example', ['a@unknown.example']);
    await eventually(async () => await part.world.spool.read({ id, recipients: [0] }, { role: 'resolver', key: 'unknown.example' }));
  });

  test('goes to its new site', async () => {
    await using part = await startSite();
    const key = destinationKey({ transport: 'dns', site: 'old.example.net' }, 0);
    const id = await part.send(key, 'example.net', TO);
    await eventually(() => part.done(id));
    expect(part.sink.messages).toHaveLength(1);
  });
});

describe('mail by smarthost', () => {
  test('goes over verified TLS with credentials from a file', async () => {
    await using directory = await tempDir();
    const authority = await privateAuthority();
    const [ca, credentials] = [join(directory.path, 'ca.pem'), join(directory.path, 'credentials')];
    await Promise.all([writeFile(ca, authority.cert), writeFile(credentials, 'relay:s3cret\n', { mode: 0o600 })]);
    await using sink = await startSink({ certificate: await authority.issue({ names: ['localhost'] }), extensions: ['PIPELINING', 'AUTH PLAIN'] });
    await using part = await startDelivery({ routes: { '*': { transport: 'smarthost', host: 'localhost', port: sink.port, ca, credentials } } });
    const key = destinationKey({ transport: 'smarthost', host: 'localhost', port: sink.port }, 2);
    const id = await part.send(key, 'example.net', TO);
    await eventually(() => part.done(id));
    expect(sink.messages[0]?.connection).toMatchObject({ encrypted: true, authentication: '\0relay\0s3cret' });
    expect(JSON.stringify(part.world.lines)).not.toContain('s3cret');
  });

  test('waits while its credentials cannot be read; the log alone says which file that is', async () => {
    await using sink = await startSink();
    await using part = await startDelivery({ routes: { '*': { transport: 'smarthost', host: 'localhost', port: sink.port, credentials: '/nonexistent' } } });
    const key = destinationKey({ transport: 'smarthost', host: 'localhost', port: sink.port }, 0);
    const id = await part.send(key, 'example.net', TO.slice(0, 1));
    const recipient = await eventually(async () => (await part.recipients(id, key)).find(({ attempts }) => attempts > 0));
    expect(recipient.last).toMatchObject({ kind: 'delayed', scope: 'site', status: '4.3.5', diagnostic: expect.stringContaining('not configured correctly') });
    expect(JSON.stringify(recipient)).not.toContain('/nonexistent');
    expect(part.world.lines).toContainEqual(expect.objectContaining({ msg: 'attempt', id, trouble: '/nonexistent cannot be read: ENOENT' }));
    expect(sink.connections).toHaveLength(0);
  });
});
