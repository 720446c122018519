// A trace database that is away stops no mail and no admin role: only the trace is not answered, until it is back.
import { expect, test } from 'vitest';
import { startPostgres } from '#shared/testing/postgres.ts';
import { startAdminWorld } from './testing/admin-world.ts';

test('the role starts without it, says so when asked for a trace, and catches up later', async () => {
  await using server = await startPostgres();
  await server.crash();
  await using admin = await startAdminWorld({ trace: { database: server.url } });
  const id = await admin.send();
  const { status, json } = await admin.ask('GET', `/v1/trace?id=${id}`);
  expect([status, json.error.code]).toEqual([503, 'unavailable']);
  expect((await admin.ask('GET', `/v1/queue/${id}`)).status).toBe(200);
  await server.start();
  const later = await admin.ask('GET', `/v1/trace?id=${id}`);
  expect(later.json.messages[0].events).toHaveLength(1);
  await server.crash();
  expect((await admin.ask('GET', `/v1/trace?id=${id}`)).status).toBe(503);
  await server.start();
});
