// mbsync with 10,000 messages, both ways: up from a Maildir, down into another, and the changes of each side on the other.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensurePrograms } from '#shared/testing/debian-programs.ts';
import { PASSWORD, startMailServer, USER } from './testing/mail-server.ts';
import { stafette } from './testing/stafette.ts';

const COUNT = 10_000;
const missing = await ensurePrograms({ mbsync: 'isync' });

test.skipIf(missing.has('mbsync'))('mbsync keeps ten thousand messages the same on both sides', async () => {
  await using server = await startMailServer();
  const home = await server.home('mbsync');
  const account = `IMAPAccount a\nHost localhost\nPort ${server.imaps}\nUser ${USER}\nPass "${PASSWORD}"\nSSLType IMAPS\nCertificateFile ${server.certificate}\n\nIMAPStore far\nAccount a\n`;
  const store = (name: string) =>
    `\nMaildirStore ${name}\nPath ${home.path}/${name}/\nInbox ${home.path}/${name}/INBOX\nSubFolders Verbatim\n\nChannel ${name}\nFar :far:\nNear :${name}:\nPatterns Many\nCreate Both\nExpunge Both\nSyncState *\n`;
  const file = await home.write('mbsyncrc', `${account}${store('one')}${store('two')}`);
  const sync = (channel: string) => home.run('mbsync', ['-c', file, channel], { within: 600_000 });
  const files = (name: string) =>
    ['cur', 'new'].flatMap((part) => readdirSync(join(home.path, name, 'Many', part)).map((each) => join(home.path, name, 'Many', part, each)));
  for (const folder of ['one/Many/cur', 'one/Many/new', 'one/Many/tmp', 'two']) mkdirSync(join(home.path, folder), { recursive: true });
  const body = 'x'.repeat(70).concat('\n').repeat(40);
  for (let n = 0; n < COUNT; n++)
    writeFileSync(join(home.path, 'one/Many/cur', `${1_600_000_000 + n}.${n}.host:2,${n % 2 ? 'S' : ''}`), `Subject: message ${n}\n\n${body}`);
  await sync('one');
  await sync('two');
  expect(files('two')).toHaveLength(COUNT);
  const subjects = (name: string) => new Set(files(name).map((each) => /^Subject: (.*)$/m.exec(readFileSync(each, 'utf8'))?.[1]));
  expect(subjects('two').size).toBe(COUNT);
  expect(files('two').filter((each) => each.endsWith('S'))).toHaveLength(COUNT / 2);

  for (const each of files('one').slice(0, 1000)) rmSync(each);
  for (const each of files('two').slice(-1000)) renameSync(each, each.replace(/:2,.*/, ':2,FS'));
  for (const channel of ['one', 'two', 'one']) await sync(channel);
  expect([files('one').length, files('two').length]).toEqual([COUNT - 1000, COUNT - 1000]);
  expect(subjects('one')).toEqual(subjects('two'));
  expect(files('one').filter((each) => /:2,F/.test(each)).length).toBe(files('two').filter((each) => /:2,F/.test(each)).length);
  expect(await stafette(server.product, ['mailbox', 'check', '--digests'])).toMatchObject({ status: 0, out: expect.stringContaining('no problem found') });
});
