// The clients that people have, from Debian and npm, against the whole product over TLS: curl, mpop, fetchmail, mutt, mbsync, Python's libraries and
// imapflow. Each says with its own words that what it got is what was sent.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensurePrograms } from '#shared/testing/debian-programs.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { type MailServer, PASSWORD, startMailServer, USER } from './testing/mail-server.ts';
import { send } from './testing/talk.ts';

const missing = await ensurePrograms({
  curl: 'curl',
  mpop: 'mpop',
  fetchmail: 'fetchmail',
  mbsync: 'isync',
  mutt: 'mutt',
  python3: 'python3',
  script: 'bsdutils',
});

/** Bodies as they were sent: dots at the start of lines, octets above 127, a long line, an attachment. */
const MAIL = [
  'Subject: first\n\nplain\n.\n..dots\n.From here\n',
  'Subject: =?UTF-8?Q?second_=C3=BC?=\nContent-Type: text/plain; charset=utf-8\n\nbödy\n',
  `Subject: third\n\n${'long '.repeat(190)}\n`,
  'Subject: fourth\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="a b.bin"\n\nAAECAwQ=\n--b--\n',
];

let server: MailServer;
beforeAll(async () => {
  server = await startMailServer();
  for (const text of MAIL) await send(server, { to: USER, text });
  const home = await server.home('wait');
  await eventually(async () => (await curl(home, [`imaps://localhost:${server.imaps}/INBOX?ALL`])).includes('1 2 3 4'), { within: 20_000, every: 100 });
}, 60_000);
afterAll(() => server?.[Symbol.asyncDispose]());

function curl(home: Awaited<ReturnType<MailServer['home']>>, args: readonly string[]): Promise<string> {
  return home.run('curl', ['--silent', '--show-error', '--cacert', server.certificate, '--user', `${USER}:${PASSWORD}`, ...args]);
}

/** The message as it was sent stands at the end of what was received, however its lines end. */
function holds(received: string, index: number): boolean {
  return received
    .replaceAll('\r\n', '\n')
    .trimEnd()
    .endsWith(MAIL[index]?.trimEnd() ?? 'nothing');
}

const bytesAsText = (text: string) => Buffer.from(text, 'latin1').toString();

describe.skipIf(missing.has('curl'))('curl', () => {
  test('fetches over IMAP with TLS at once and with STARTTLS, lists, searches and appends', async () => {
    const home = await server.home('curl');
    for (const [index] of MAIL.entries()) expect(holds(await curl(home, [`imaps://localhost:${server.imaps}/INBOX;MAILINDEX=${index + 1}`]), index)).toBe(true);
    expect(holds(await curl(home, ['--ssl-reqd', `imap://localhost:${server.imap}/INBOX;UID=2`]), 1)).toBe(true);
    expect(await curl(home, [`imaps://localhost:${server.imaps}/INBOX;UID=4;SECTION=2`])).toBe('AAECAwQ=');
    expect(await curl(home, [`imaps://localhost:${server.imaps}`])).toContain('"/" INBOX');
    const draft = await home.write('draft', 'Subject: draft\r\n\r\nby curl\r\n');
    await curl(home, ['-T', draft, `imaps://localhost:${server.imaps}/Drafts`]);
    expect(await curl(home, [`imaps://localhost:${server.imaps}/Drafts;MAILINDEX=1`])).toBe('Subject: draft\r\n\r\nby curl\r\n');
    await expect(home.run('curl', ['-sS', '--cacert', server.certificate, '-u', `${USER}:wrong`, `imaps://localhost:${server.imaps}/`])).rejects.toThrow(
      /denied|67/i,
    );
  });

  test('fetches over POP3 with TLS at once and with STLS', async () => {
    const home = await server.home('curl');
    expect((await curl(home, [`pop3s://localhost:${server.pop3s}/`])).trim().split(/\r?\n/)).toHaveLength(4);
    for (const [index] of MAIL.entries()) expect(holds(await curl(home, [`pop3s://localhost:${server.pop3s}/${index + 1}`]), index)).toBe(true);
    expect(holds(await curl(home, ['--ssl-reqd', `pop3://localhost:${server.pop3}/2`]), 1)).toBe(true);
  });
});

test.skipIf(missing.has('mpop')).each(['off', 'on'])('mpop fetches each message once over POP3 (tls_starttls %s)', async (starttls) => {
  const home = await server.home(`mpop-${starttls}`);
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(home.path, 'Maildir', part), { recursive: true });
  const port = starttls === 'on' ? server.pop3 : server.pop3s;
  const settings = {
    ...{ account: 'default', host: 'localhost', port, user: USER, password: `"${PASSWORD}"`, auth: 'user', tls: 'on', tls_starttls: starttls },
    ...{ tls_trust_file: server.certificate, keep: 'on', delivery: `maildir ${join(home.path, 'Maildir')}`, uidls_file: join(home.path, 'uidls') },
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  const file = await home.write('mpoprc', `${lines.join('\n')}\n`);
  await home.run('mpop', ['-C', file]);
  await home.run('mpop', ['-C', file]);
  const received = readdirSync(join(home.path, 'Maildir/new')).map((name) => readFileSync(join(home.path, 'Maildir/new', name), 'utf8'));
  expect(received).toHaveLength(4);
  expect(MAIL.every((_, index) => received.some((text) => holds(text, index)))).toBe(true);
});

test.skipIf(missing.has('fetchmail')).each([
  ['IMAP', 'imaps', 'ssl'],
  ['IMAP', 'imap', 'sslproto TLS1.2+'],
  ['POP3', 'pop3s', 'ssl'],
  ['POP3', 'pop3', 'sslproto TLS1.2+'],
] as const)('fetchmail fetches over %s at the port of %s', async (protocol, door, tls) => {
  const home = await server.home(`fetchmail-${door}`);
  const all = join(home.path, 'all');
  const rc = `poll localhost protocol ${protocol} service ${server[door]} auth password\n user "${USER}" password "${PASSWORD}" ${tls} sslcertck sslcertfile ${server.certificate} sslcommonname localhost fetchall keep\n mda "cat >> ${all}"\n`;
  const said = await home.run('fetchmail', ['--nosyslog', '-v', '--fetchmailrc', await home.write('.fetchmailrc', rc)]);
  const received = readFileSync(all, 'utf8').replaceAll('\r\n', '\n');
  expect(
    MAIL.every((text) => received.includes(text.slice(text.indexOf('\n\n')).trimEnd())),
    said,
  ).toBe(true);
});

test.skipIf(missing.has('mutt') || missing.has('script'))('mutt opens the mailbox, reads a message, flags and saves it', async () => {
  const home = await server.home('mutt');
  const settings = [
    `set imap_user="${USER}" imap_pass="${PASSWORD}" ssl_starttls=yes ssl_force_tls=yes ssl_verify_host=no`,
    `set certificate_file="${server.certificate}" spoolfile="imaps://localhost:${server.imaps}/INBOX" folder="imaps://localhost:${server.imaps}/"`,
    'set confirmcreate=no delete=yes quit=yes wait_key=no header_cache="" message_cachedir="" sort=mailbox-order pipe_decode=no',
  ];
  const keys = `<jump>3<enter><pipe-message>cat > ${join(home.path, 'read')}<enter><flag-message><copy-message>=Copied<enter><quit>`;
  const file = await home.write('muttrc', `${settings.join('\n')}\npush '${keys}'\n`);
  await home.run('script', ['-qec', `env TERM=xterm mutt -n -F ${file}`, join(home.path, 'screen')], { within: 20_000 });
  expect(holds(readFileSync(join(home.path, 'read'), 'utf8'), 2)).toBe(true);
  const { found, status } = await withImapFlow(async (client) => ({
    found: await client.status('Copied', { messages: true }),
    status: await flagsOf(client, 'INBOX', '3'),
  }));
  expect(found).toMatchObject({ messages: 1 });
  expect(status).toEqual(expect.arrayContaining(['\\Flagged']));
});

test.skipIf(missing.has('python3'))('Python’s imaplib and poplib', async () => {
  const home = await server.home('python');
  const script = fileURLToPath(new URL('testing/read_mail.py', import.meta.url));
  const said = JSON.parse(await home.run('python3', [script, String(server.imaps), String(server.pop3s), server.certificate, USER, PASSWORD]));
  expect(said).toMatchObject({ count: 4, found: '2', stat: 4, uidl: 4, expunged: ['1'], status: expect.stringMatching(/MESSAGES 2 UNSEEN 1 UIDNEXT 3/) });
  expect(said.list).toEqual(expect.arrayContaining([expect.stringMatching(/\\Sent.* "\/" "?Sent"?$/)]));
  expect(said.date).toContain('13-Sep-2020 12:26:40 +0000');
  expect(said.flags).toEqual([expect.stringContaining('\\Seen'), expect.stringContaining('\\Flagged')]);
  expect([holds(bytesAsText(said.message), 1), holds(bytesAsText(said.retr), 1)]).toEqual([true, true]);
  expect(said.capa).toEqual(expect.arrayContaining(['PIPELINING', 'SASL', 'TOP', 'UIDL']));
});

async function withImapFlow<T>(use: (client: ImapFlow) => Promise<T>): Promise<T> {
  const client = new ImapFlow({
    ...{ host: 'localhost', port: server.imaps, secure: true, logger: false, auth: { user: USER, pass: PASSWORD } },
    tls: { ca: readFileSync(server.certificate) },
  });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.logout();
  }
}

async function flagsOf(client: ImapFlow, mailbox: string, uid: string): Promise<readonly string[]> {
  await client.mailboxOpen(mailbox);
  const message = await client.fetchOne(uid, { flags: true }, { uid: true });
  return message ? [...(message.flags ?? [])] : [];
}

test('imapflow reads structure and parts, files, moves, searches, and hears of new mail while it idles', async () => {
  await withImapFlow(async (client) => {
    await client.mailboxCreate('Flow/Box');
    const appended = await client.append('Flow/Box', 'Subject: appended\r\n\r\nby imapflow\r\n', ['\\Seen', '$Label'], new Date(1_600_000_000_000));
    expect(appended).toMatchObject({ uid: 1 });
    await client.mailboxOpen('INBOX');
    const fourth = await client.fetchOne('4', { envelope: true, bodyStructure: true, source: true, internalDate: true, size: true }, { uid: true });
    expect(fourth).toMatchObject({
      uid: 4,
      envelope: { subject: 'fourth' },
      bodyStructure: { type: 'multipart/mixed', childNodes: [{ type: 'text/plain' }, { dispositionParameters: { filename: 'a b.bin' } }] },
    });
    const { content } = await client.download('4', '2', { uid: true });
    expect(Buffer.concat(await Array.fromAsync(content as AsyncIterable<Buffer>))).toEqual(Buffer.from([0, 1, 2, 3, 4]));
    expect(await client.search({ body: 'bödy' }, { uid: true })).toEqual([2]);
    expect(await client.messageCopy('1', 'Flow/Box', { uid: true })).toMatchObject({ uidMap: new Map([[1, 2]]) });
    expect(await flagsOf(client, 'Flow/Box', '1')).toEqual(expect.arrayContaining(['\\Seen', '$Label']));
    expect(await client.messageMove('2', 'Trash', { uid: true })).toMatchObject({ destination: 'Trash' });
    await client.mailboxRename('Flow/Box', 'Flow/Renamed');
    expect((await client.list()).map(({ path }) => path)).toEqual(expect.arrayContaining(['Flow/Renamed', 'Trash']));
    expect((await client.list()).find(({ path }) => path === 'Trash')).toMatchObject({ specialUse: '\\Trash' });
    await client.mailboxOpen('INBOX');
    const heard = new Promise((resolve) => client.once('exists', resolve));
    const idling = client.idle();
    await send(server, { to: USER, text: 'Subject: fifth\n\nnew\n' });
    expect(await heard).toMatchObject({ path: 'INBOX', count: 5, prevCount: 4 });
    await client.noop();
    await idling;
    await client.messageDelete('5', { uid: true });
    expect(await client.status('INBOX', { messages: true })).toMatchObject({ messages: 4 });
    await client.mailboxDelete('Flow/Renamed');
  });
});

test.skipIf(missing.has('mbsync'))('mbsync keeps two hundred messages the same on both sides', async () => {
  const home = await server.home('mbsync');
  const local = join(home.path, 'mail');
  const folder = join(local, 'Sync');
  for (const part of ['cur', 'new', 'tmp']) mkdirSync(join(folder, part), { recursive: true });
  for (let n = 0; n < 100; n++)
    writeFileSync(join(folder, 'cur', `${1_600_000_000 + n}.${n}.host:2,${n % 2 ? 'S' : ''}`), `Subject: local ${n}\n\nbody ${n}\n`);
  await withImapFlow(async (client) => {
    await client.mailboxCreate('Sync');
    for (let n = 0; n < 100; n++) await client.append('Sync', `Subject: remote ${n}\r\n\r\nbody ${n}\r\n`, n % 2 ? ['\\Flagged'] : []);
  });
  const account = `IMAPAccount a\nHost localhost\nPort ${server.imaps}\nUser ${USER}\nPass "${PASSWORD}"\nSSLType IMAPS\nCertificateFile ${server.certificate}\n\nIMAPStore far\nAccount a\n`;
  const rc = `${account}\nMaildirStore near\nPath ${local}/\nInbox ${local}/INBOX\nSubFolders Verbatim\n\nChannel c\nFar :far:\nNear :near:\nPatterns Sync\nCreate Both\nExpunge Both\nSyncState *\n`;
  const file = await home.write('mbsyncrc', rc);
  const sync = () => home.run('mbsync', ['-c', file, 'c']);
  await sync();
  const names = () => ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part)).map((name) => join(folder, part, name)));
  expect(names()).toHaveLength(200);

  const subjects = new Map(names().map((name) => [/^Subject: (.*)$/m.exec(readFileSync(name, 'utf8'))?.[1] ?? '', name]));
  expect(subjects.size).toBe(200);
  expect(subjects.get('remote 1')).toMatch(/:2,F$/);
  rmSync(subjects.get('remote 2') ?? '');
  renameSync(subjects.get('local 4') ?? '', (subjects.get('local 4') ?? '').replace(/:2,.*/, ':2,RS'));
  await withImapFlow(async (client) => {
    await client.mailboxOpen('Sync');
    expect(client.mailbox).toMatchObject({ exists: 200 });
    const uid = async (subject: string) => String(((await client.search({ subject }, { uid: true })) || [])[0]);
    await client.messageFlagsAdd(await uid('local 99'), ['\\Flagged'], { uid: true });
    await client.messageDelete(await uid('local 50'), { uid: true });
    await client.append('Sync', 'Subject: late\r\n\r\nlate\r\n');
  });
  await sync();
  await sync();
  const now = new Map(names().map((name) => [/^Subject: (.*)$/m.exec(readFileSync(name, 'utf8'))?.[1] ?? '', name]));
  expect([now.size, now.has('local 50'), now.has('late'), now.get('local 99')]).toEqual([199, false, true, expect.stringMatching(/:2,FS$/)]);
  await withImapFlow(async (client) => {
    await client.mailboxOpen('Sync');
    expect(client.mailbox).toMatchObject({ exists: 199 });
    expect(await client.search({ subject: 'remote 2', answered: false, not: { subject: 'remote 2 ' } }, { uid: true })).toHaveLength(10);
    expect(await client.search({ answered: true, seen: true }, { uid: true })).toHaveLength(1);
  });
});
