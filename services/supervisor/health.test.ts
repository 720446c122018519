import { expect, test } from 'vitest';
import { builtinConfig } from '#shared/config/builtin.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { startHealth } from './health.ts';
import { operatorLines } from './operator-error.ts';

test('/livez, /readyz with its reasons, /metrics', async () => {
  let reasons: string[] = ['router: starting', 'spool: Redis is away'];
  const metrics = createMetrics();
  const server = await startHealth('127.0.0.1', 0, { notReady: async () => reasons, metrics: () => metrics.registry.metrics() });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers: { connection: 'close' } });
    return [response.status, await response.text()] as const;
  };
  expect(await get('/livez')).toEqual([200, 'ok\n']);
  expect(await get('/readyz')).toEqual([503, 'router: starting\nspool: Redis is away\n']);
  reasons = [];
  expect(await get('/readyz?verbose')).toEqual([200, 'ok\n']);
  expect((await get('/metrics'))[1]).toContain('# TYPE stafette_queue_due gauge');
  expect((await get('/'))[0]).toBe(404);
  expect((await get('/livez', 'POST'))[0]).toBe(405);
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

test('a port in use is one line that names the setting', async () => {
  const source = { notReady: async () => [], metrics: async () => '' };
  const first = await startHealth('127.0.0.1', 0, source);
  const config = { ...builtinConfig(), health: { address: '127.0.0.1', port: first.port } };
  const error: unknown = await startHealth('127.0.0.1', first.port, source).catch((reason: unknown) => reason);
  expect(operatorLines(error, config)).toEqual([`port ${first.port} on 127.0.0.1 is in use (health.port): stop what listens there, or change health.port`]);
  expect(operatorLines(new Error('a bug'))).toBeNull();
  await first.close();
});
