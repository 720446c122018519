import { expect, test } from 'vitest';
import { builtinConfig } from '#shared/config/builtin.ts';
import { autoconfigAnswer } from '#shared/discovery/autoconfig.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startHealth } from './health.ts';
import { operatorLines } from './operator-error.ts';

test('/livez, /readyz with its reasons, /metrics', async () => {
  let reasons: string[] = ['router: starting', 'spool: Redis is away'];
  const metrics = createMetrics();
  let hanging: string[] = [];
  const server = await startHealth('127.0.0.1', 0, { notReady: async () => reasons, hanging: () => hanging, metrics: () => metrics.registry.metrics() });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers: { connection: 'close' } });
    return [response.status, await response.text()] as const;
  };
  expect(await get('/livez')).toEqual([200, 'ok\n']);
  hanging = ['router-2: does not answer'];
  expect(await get('/livez')).toEqual([200, 'ok\nrouter-2: does not answer\n']);
  expect(await get('/readyz')).toEqual([503, 'router: starting\nspool: Redis is away\n']);
  reasons = [];
  expect(await get('/readyz?verbose')).toEqual([200, 'ok\n']);
  expect((await get('/metrics'))[1]).toContain('# TYPE stafette_queue_due gauge');
  expect((await get('/'))[0]).toBe(404);
  expect((await get('/livez', 'POST'))[0]).toBe(405);
  await server.close();
});

test('the settings of mail clients, for domains of ours', async () => {
  const source = {
    notReady: async () => [],
    metrics: async () => '',
    autoconfig: (target: string, host?: string) => autoconfigAnswer(builtinConfig(), target, host),
  };
  const server = await startHealth('127.0.0.1', 0, source);
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { headers: { connection: 'close' } });
    return [response.status, response.headers.get('content-type'), (await response.text()).split('\n')[0]];
  };
  expect(await get('/mail/config-v1.1.xml?emailaddress=demo@localhost')).toEqual([200, 'text/xml; charset=utf-8', '<?xml version="1.0" encoding="UTF-8"?>']);
  expect(await get('/.well-known/autoconfig/mail/config-v1.1.xml')).toEqual([404, 'text/plain; charset=utf-8', 'no such domain here']);
  expect((await get('/mail/'))[0]).toBe(404);
  await server.close();
});

test('a source that fails is a 500, and the server goes on', async () => {
  const server = await startHealth('127.0.0.1', 0, { notReady: () => Promise.reject(new Error('broken')), metrics: async () => '' });
  const url = `http://127.0.0.1:${server.port}`;
  const response = await fetch(`${url}/readyz`, { headers: { connection: 'close' } });
  expect([response.status, await response.text()]).toEqual([500, 'broken\n']);
  await eventually(async () => (await fetch(`${url}/livez`, { headers: { connection: 'close' } })).ok);
  await server.close();
});

test('a host name that is none is one line that names the setting', async () => {
  const source = { notReady: async () => [], metrics: async () => '' };
  const config = { ...builtinConfig(), health: { address: 'no-such-host.invalid', port: 0 } };
  const error: unknown = await startHealth(config.health.address, 0, source).catch((reason: unknown) => reason);
  expect(operatorLines(error, config)).toEqual([expect.stringMatching(/^health\.address is "no-such-host\.invalid": no such host \(E/)]);
  expect(operatorLines(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND', hostname: 'redis' }), config)).toBeNull();
});

test('a port in use is one line that names the setting', async () => {
  const source = { notReady: async () => [], metrics: async () => '' };
  const first = await startHealth('127.0.0.1', 0, source);
  const config = { ...builtinConfig(), health: { address: '127.0.0.1', port: first.port } };
  const error: unknown = await startHealth('127.0.0.1', first.port, source).catch((reason: unknown) => reason);
  expect(operatorLines(error, config)).toEqual([`port ${first.port} on 127.0.0.1 is in use (health.port): stop what listens there, or change health.port`]);
  expect(operatorLines(new Error('a bug'))).toBeNull();
  await first.close();
});
