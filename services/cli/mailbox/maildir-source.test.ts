// Maildirs as others leave them, and as somebody makes them who wants to read what is not his.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TempDir, tempDir } from '#shared/testing/temp-dir.ts';
import type { SourceMailbox } from './mail-source.ts';
import { openMaildir } from './maildir-source.ts';
import { openTree } from './safe-tree.ts';

let temp: TempDir;
let root: string;
beforeEach(async () => {
  temp = await tempDir('maildir');
  root = join(temp.path, 'Maildir');
  maildir('');
});
afterEach(() => temp.remove());

function maildir(folder: string): void {
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(root, folder, part), { recursive: true });
}

function put(file: string, seconds: number, text = `Subject: ${file}\n\nbody\n`): void {
  writeFileSync(join(root, file), text);
  utimesSync(join(root, file), seconds, seconds);
}

async function readAll(top = 'INBOX') {
  await using source = await openMaildir(root, top);
  const read: Record<string, { flags: readonly string[]; at: number; text: string }[]> = {};
  for await (const { name, messages } of source.mailboxes()) read[name] = await Promise.all(messages.map(asText));
  return { read, passedOver: source.passedOver };
}

async function asText({ flags, receivedAt, content }: SourceMailbox['messages'][number]) {
  const stream = await content();
  return { flags, at: receivedAt / 1000, text: stream ? Buffer.concat(await Array.fromAsync(stream)).toString() : 'gone' };
}

test('flags, dates, folders of both kinds, and the order of arrival', async () => {
  put('new/3.host', 30);
  put('cur/1.host:2,FS', 20);
  put('cur/2.host:2,RSTDPa', 10, 'one\r\ntwo\n');
  writeFileSync(join(root, 'dovecot-keywords'), '0 $Label1\n1 bad{name\n');
  for (const folder of ['.Sent', '.Work.Entw&APw-rfe', 'Archive/2024', '.a&AC8-b']) maildir(folder);
  put('.Work.Entw&APw-rfe/cur/1.host:2,', 1);
  put('Archive/2024/new/1.host', 2);
  const { read } = await readAll();
  expect(Object.keys(read).sort()).toEqual(['Archive/2024', 'INBOX', 'Sent', 'Work/Entwürfe', 'a_b']);
  expect(read['INBOX']).toEqual([
    { flags: ['\\Answered', '\\Seen', '\\Deleted', '\\Draft', '$Forwarded', '$Label1'], at: 10, text: 'one\r\ntwo\r\n' },
    { flags: ['\\Flagged', '\\Seen'], at: 20, text: 'Subject: cur/1.host:2,FS\r\n\r\nbody\r\n' },
    { flags: [], at: 30, text: 'Subject: new/3.host\r\n\r\nbody\r\n' },
  ]);
  expect(Object.keys((await readAll('Old')).read).sort()).toEqual(['Old', 'Old/Archive/2024', 'Old/Sent', 'Old/Work/Entwürfe', 'Old/a_b']);
});

test('a folder whose name has empty levels comes in all the same', async () => {
  for (const folder of ['...evil', '.a..b']) maildir(folder);
  put('...evil/cur/1.host:2,', 1);
  put('.a..b/cur/1.host:2,', 1);
  expect(Object.keys((await readAll()).read).sort()).toEqual(['INBOX', '_/_/evil', 'a/_/b']);
});

test('names that are no UTF-8 are read as the octets that they are', async () => {
  const latin1 = (name: string) => Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
  for (const part of ['', '/cur']) mkdirSync(latin1(`.Entw\xfcrfe${part}`));
  writeFileSync(latin1('.Entw\xfcrfe/cur/1.h\xf6st:2,S'), 'mine\n');
  utimesSync(latin1('.Entw\xfcrfe/cur/1.h\xf6st:2,S'), 1, 1);
  const { read, passedOver } = await readAll();
  expect(read).toEqual({ INBOX: [], Entwürfe: [{ flags: ['\\Seen'], at: 1, text: 'mine\r\n' }] });
  expect(passedOver).toBe(0);
});

test('links, pipes, sockets and folders are passed over, wherever they stand', async () => {
  const secret = join(temp.path, 'secret');
  writeFileSync(secret, 'secret');
  mkdirSync(join(temp.path, 'other/cur'), { recursive: true });
  writeFileSync(join(temp.path, 'other/cur/1.host:2,'), 'secret');
  put('cur/1.host:2,S', 1, 'mine\n');
  symlinkSync(secret, join(root, 'cur/2.host:2,S'));
  symlinkSync('nowhere', join(root, 'cur/3.host:2,S'));
  execFileSync('mkfifo', [join(root, 'cur/4.host:2,S')]);
  mkdirSync(join(root, 'cur/5.host:2,S'));
  symlinkSync(join(temp.path, 'other'), join(root, '.Linked'));
  symlinkSync(join(temp.path, 'other/cur'), join(root, 'new/cur'));
  const server = createServer().listen(join(root, 'cur/6.host:2,S'));
  await new Promise((resolve) => server.once('listening', resolve));
  const { read, passedOver } = await readAll();
  await new Promise((resolve) => server.close(resolve));
  expect(read).toEqual({ INBOX: [{ flags: ['\\Seen'], at: 1, text: 'mine\r\n' }] });
  expect(passedOver).toBe(7);
});

test('what is put in the place of a file or a folder while we read is not followed', async () => {
  writeFileSync(join(temp.path, 'secret'), 'secret');
  mkdirSync(join(temp.path, 'other'));
  writeFileSync(join(temp.path, 'other/1.host:2,'), 'secret');
  put('cur/1.host:2,', 1);
  put('cur/2.host:2,', 2);
  put('cur/3.host:2,', 3);
  await using source = await openMaildir(root, 'INBOX');
  for await (const { messages } of source.mailboxes()) {
    rmSync(join(root, 'cur/1.host:2,'));
    symlinkSync(join(temp.path, 'secret'), join(root, 'cur/1.host:2,'));
    renameSync(join(root, 'cur/2.host:2,'), join(root, 'cur/2.host:2,S'));
    expect((await Promise.all(messages.map(asText))).map(({ text }) => text.slice(0, 20))).toEqual(['gone', 'Subject: cur/2.host:', 'Subject: cur/3.host:']);
    renameSync(join(root, 'cur'), join(root, 'away'));
    symlinkSync(join(temp.path, 'other'), join(root, 'cur'));
    expect((await Promise.all(messages.map(asText))).map(({ text }) => text)).toEqual(['gone', 'gone', 'gone']);
  }
});

test('an open folder stays itself, and names do not lead out of it', async () => {
  await using tree = await openTree(root);
  for (const name of ['..', '.', '', 'cur/x', '../Maildir', 'a\0b']) await expect(tree.file(name)).rejects.toThrow('not the name of a file');
});

test('what we may not read is an error and no silence', async () => {
  if (process.getuid?.() === 0) return; // root may read everything
  put('cur/1.host:2,', 1);
  chmodSync(join(root, 'cur/1.host:2,'), 0);
  await expect(readAll()).rejects.toThrow('EACCES');
});
