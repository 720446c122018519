// Who may call the admin API, by which name, and with which token: DESIGN section 8.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { schema } from '#shared/config/schema.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';
import { namesUs } from './host-names.ts';
import { type AdminWorld, CONTENT, startAdminWorld } from './testing/admin-world.ts';
import { loadTokens } from './tokens.ts';

let admin: AdminWorld;
beforeAll(async () => {
  admin = await startAdminWorld({ admin: { names: ['admin.example.org'] } });
});
afterAll(() => admin[Symbol.asyncDispose]());

const contentToken = () => readFileSync(join(admin.dataDir, 'admin-content-token'), 'utf8').trim();
const audited = () => admin.world.lines.filter((line) => line['audit'] === true);

test('nothing is answered without the token, not even what exists', async () => {
  for (const authorization of ['', 'Bearer', 'Bearer x', `Basic ${admin.token}`, `Bearer ${admin.token}x`, `Bearer ${admin.token.slice(1)}`]) {
    for (const path of ['/v1/status', '/v1/nothing', '/']) {
      const { status, headers, json } = await admin.ask('GET', path, { authorization });
      expect([status, json.error.code, headers['www-authenticate']], `${authorization} ${path}`).toEqual([401, 'unauthorized', 'Bearer']);
    }
  }
  expect((await admin.ask('GET', '/v1/status')).status).toBe(200);
});

test('a name that is not ours is refused before anything else: DNS rebinding', async () => {
  for (const host of ['evil.example', 'localhost.evil.example', '192.0.2.1', '127.0.0.2', '[::1]', 'localhost@evil.example', 'localhost:x']) {
    expect([host, (await admin.ask('GET', '/v1/status', { host })).status]).toEqual([host, 421]);
  }
  for (const host of ['localhost', 'LOCALHOST:8081', 'localhost.', '127.0.0.1', 'mx.example.org', `${hostname()}:80`, 'admin.example.org']) {
    expect((await admin.ask('GET', '/v1/status', { host })).status, host).toBe(200);
  }
});

test('no page of another origin is let in', async () => {
  const preflight = await admin.ask('OPTIONS', '/v1/queue', { origin: 'http://localhost', 'access-control-request-method': 'DELETE' });
  expect(preflight.status).toBe(404);
  const { headers } = await admin.ask('GET', '/v1/status', { origin: 'http://evil.example' });
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
});

test('content has a token of its own, which is good for nothing else, and each use is in the log', async () => {
  const id = await admin.send();
  const authorization = `Bearer ${contentToken()}`;
  const before = audited().length;
  expect((await admin.ask('GET', `/v1/queue/${id}/content`)).json.error.code).toBe('forbidden');
  expect((await admin.ask('GET', `/v1/queue/${id}`, { authorization })).status).toBe(403);
  expect((await admin.ask('DELETE', `/v1/queue?id=${id}`, { authorization })).status).toBe(403);
  const { status, text, headers } = await admin.ask('GET', `/v1/queue/${id}/content`, { authorization });
  expect([status, headers['content-type'], text]).toEqual([200, 'message/rfc822', CONTENT.toString()]);
  const lines = audited().slice(before);
  expect(lines.map(({ msg }) => msg)).toEqual(['admin request refused', 'admin request refused', 'admin request refused', 'content asked for']);
  expect(lines.at(-1)).toMatchObject({ id, client: '127.0.0.1' });
});

test('content that lies in the cold tier is streamed whole', async () => {
  const large = Buffer.alloc(300_000, 'Line of text.\r\n');
  const id = await admin.send({}, large);
  const { text } = await admin.ask('GET', `/v1/queue/${id}/content`, { authorization: `Bearer ${contentToken()}` });
  expect(text.length).toBe(large.length);
});

test('the tokens never reach the log', async () => {
  await admin.ask('GET', '/v1/status', { authorization: `Bearer ${admin.token}` });
  expect(JSON.stringify(admin.world.lines)).not.toContain(admin.token);
  expect(JSON.stringify(admin.world.lines)).not.toContain(contentToken());
});

test('requests are small: a body, an endless URL and an unknown route get JSON errors', async () => {
  expect((await admin.ask('POST', '/v1/queue/flush')).status).toBe(200);
  expect((await admin.ask('POST', '/v1/queue/flush', { 'content-type': 'application/json', 'transfer-encoding': 'chunked' })).status).toBe(415);
  expect((await admin.ask('GET', '/v1/nothing')).json.error).toEqual({ code: 'not-found', message: 'GET /v1/nothing does not exist' });
  expect((await admin.ask('GET', `/v1/queue/${'x'.repeat(200)}`)).status).toBeGreaterThanOrEqual(400);
  expect((await admin.ask('GET', `/v1/status?${'x'.repeat(30_000)}`)).status).toBe(431);
});

test('a reload takes a new token file; a broken one leaves the old in force', async () => {
  const file = join(admin.dataDir, 'given');
  writeFileSync(file, 'a-new-token-of-length\n', { mode: 0o600 });
  admin.reload({ token_file: file });
  expect((await admin.ask('GET', '/v1/status')).status).toBe(401);
  expect((await admin.ask('GET', '/v1/status', { authorization: 'Bearer a-new-token-of-length' })).status).toBe(200);
  admin.reload({ token_file: join(admin.dataDir, 'missing') });
  expect((await admin.ask('GET', '/v1/status', { authorization: 'Bearer a-new-token-of-length' })).status).toBe(200);
});

describe('the token files', () => {
  const log = pino({ enabled: false });

  test('are made once, for us alone', async () => {
    await using directory = await tempDir('tokens');
    const config = schema.parse({ data_dir: directory.path });
    const first = loadTokens(config, log);
    const token = readFileSync(join(directory.path, 'admin-token'), 'utf8').trim();
    expect(token.length).toBeGreaterThan(40);
    expect(first.scopeOf(`Bearer ${token}`)).toBe('admin');
    expect(loadTokens(config, log).scopeOf(`bearer ${token}`)).toBe('admin');
    for (const name of ['admin-token', 'admin-content-token']) expect(statSync(join(directory.path, name)).mode & 0o777).toBe(0o600);
  });

  test('that are missing, empty or too short are refused with a line', async () => {
    await using directory = await tempDir('tokens');
    const token_file = join(directory.path, 'given');
    const load = () => loadTokens(schema.parse({ data_dir: directory.path, admin: { token_file } }), log);
    expect(load).toThrow(`admin.token_file ${token_file}: there is no such file`);
    for (const text of ['', '\n', 'short', 'two words of some length']) {
      writeFileSync(token_file, text);
      expect(load, text).toThrow('expected one token of at least 16 characters');
    }
    expect(() => loadTokens(schema.parse({ data_dir: join(directory.path, 'no/where') }), log)).toThrow('cannot be made');
  });
});

test('an address is ours only when it is the one connected to', () => {
  const config = schema.parse({});
  expect(namesUs('[::1]:8081', '::1', config)).toBe(true);
  expect(namesUs('127.0.0.1', '::ffff:127.0.0.1', config)).toBe(true);
  expect(namesUs('10.0.0.1', '127.0.0.1', config)).toBe(false);
  expect(namesUs(undefined, '127.0.0.1', config)).toBe(false);
});
