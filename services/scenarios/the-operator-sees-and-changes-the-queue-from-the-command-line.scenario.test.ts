// `stafette` against a running admin role: what it prints, what it changes, and its exit status.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AdminWorld, CONTENT, startAdminWorld } from '../admin/testing/admin-world.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
let admin: AdminWorld;
beforeAll(async () => {
  admin = await startAdminWorld();
});
afterAll(() => admin[Symbol.asyncDispose]());

function stafette(...args: readonly string[]): Promise<{ out: string; err: string; status: number }> {
  const content = args.includes('--content');
  const token = join(admin.dataDir, content ? 'admin-content-token' : 'admin-token');
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args, '--url', admin.url, '--token-file', token], (error, out, err) =>
      resolve({ out, err, status: error ? Number(error.code) : 0 }),
    );
  });
}

test('a message is traced by id, address and Message-ID, listed, shown, held, released and deleted', async () => {
  const id = await admin.send({ from: 'ann@one.test', to: ['bob@two.test'], messageId: '<1@one.test>' });
  const traces = await Promise.all([id, id.toLowerCase(), 'bob@two.test', '<1@one.test>', '1@one.test'].map((key) => stafette('trace', key)));
  for (const { out, status } of traces) {
    expect(status).toBe(0);
    expect(out).toMatch(new RegExp(`^${id}  from <ann@one.test>  Message-ID <1@one.test>\\n  .*received .* to bob@two.test\\n  now: incoming, due for`));
  }
  expect((await stafette('queue', 'list')).out).toMatch(new RegExp(`^ID +STATE .*\\n${id}  incoming .* <ann@one.test> to bob@two.test\\n$`));
  expect((await stafette('queue', 'list', '--sender', 'nobody@one.test')).out).toBe('nothing is queued that matches\n');
  expect((await stafette('queue', 'show', id)).out).toContain('origin {"kind":"smtp"');
  expect((await stafette('queue', 'show', id, '--content')).out).toBe(CONTENT.toString());
  expect(await stafette('queue', 'release', id)).toMatchObject({ out: `0 of 1 released\n${id}: not held\n`, status: 0 });
  expect((await stafette('queue', 'hold', id)).out).toBe('1 of 1 held\n');
  expect(await stafette('queue', 'hold', id)).toMatchObject({ out: `0 of 1 held\n${id}: held already\n`, status: 0 });
  expect(await stafette('queue', 'flush', id)).toMatchObject({ out: `0 of 1 made due\n${id}: held: stafette queue release ${id} first\n`, status: 1 });
  expect((await stafette('queue', 'flush', '--state', 'held')).out).toBe('0 of 1 made due\n1 held: stafette queue release FILTER first\n');
  expect(JSON.parse((await stafette('queue', 'list', '--state', 'held', '--json')).out).messages[0].id).toBe(id);
  expect((await stafette('queue', 'release', '--all')).out).toBe('1 of 1 released\n');
  expect((await stafette('queue', 'flush')).status).toBe(0);
  expect((await stafette('queue', 'flush', id)).out).toBe(`0 of 1 made due\n${id}: due already\n`);
  expect((await stafette('queue', 'delete', '--recipient', 'bob@two.test')).out).toBe('1 of 1 deleted\n');
  const absent = `${id}: not in the queue; it may be done: stafette trace ${id}\n`;
  for (const [verb, done] of Object.entries({ delete: 'deleted', flush: 'made due', hold: 'held', release: 'released' }))
    for (const words of [[id], ['--id', id]]) expect(await stafette('queue', verb, ...words)).toMatchObject({ out: `0 of 1 ${done}\n${absent}`, status: 1 });
  expect(await stafette('queue', 'delete', '--id', id, '--sender', 'ann@one.test')).toMatchObject({ out: '0 of 0 deleted\n', status: 0 });
  expect((await stafette('trace', id)).out).toMatch(/deleted {5}by the operator\n {2}now: done\n$/);
});

test('status says how it goes; dead letters are listed and dropped', async () => {
  const { base } = admin.world.system.shards[0] ?? { base: '' };
  const entry = '0'.repeat(25);
  await admin.world.system.reader.hset(`${base}dead`, `router\n${entry}`, JSON.stringify({ error: 'a \u001b[31mbug', at: 5 }));
  const { out, status } = await stafette('status');
  expect([status, out]).toEqual([0, expect.stringMatching(/^mail is taken\n0 messages queued.*\n1 dead letters.*\nROLE/)]);
  expect((await stafette('dead-letters', 'list')).out).toBe(`1970-01-01 00:00:00.005  ${entry}  at router: a \\u{1b}[31mbug\n`);
  expect((await stafette('dead-letters', 'drop', entry)).out).toBe('1 of 1 dropped\n');
  expect((await stafette('dead-letters')).out).toBe('no dead letters\n');
});

test('what the API refuses is one line', async () => {
  expect(await stafette('queue', 'show', 'short')).toMatchObject({ status: 1, err: 'stafette: id: expected a queue id: 25 characters\n' });
  expect(await stafette('trace', 'nobody@nowhere.test')).toMatchObject({ status: 1, out: 'no trace of nobody@nowhere.test\n' });
});
