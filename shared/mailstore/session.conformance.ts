// What sessions of IMAP and POP3 need of the mail store on every database, as tests: mailboxes, flags, changes, copies, locks.
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { AccountStore, Appending } from './account-store.ts';
import type { MailboxStore, MessageInfo } from './mailbox-store.ts';
import type { Mailstore } from './mailstore.ts';
import { MailboxGoneError } from './refusal.ts';
import { appended, messagesOf, octets, opened, pieces, RECEIVED, someone, textOf } from './testing/messages.ts';
import { ALL_UIDS } from './uid-set.ts';
import type { MailboxEvent } from './watch.ts';

export interface SessionsUnderTest {
  /** The store that most tests share. */
  store(): Mailstore;
  /** Another with its own database. */
  fresh(label: string, options?: { quota?: number; quotaMessages?: number }): Promise<Mailstore>;
}

/** Registers the tests. */
export function sessionConformance({ store, fresh }: SessionsUnderTest): void {
  const names = async (account: AccountStore): Promise<string[]> => (await account.listing()).mailboxes.map(({ name }) => name);
  const uidsOf = async (mailbox: MailboxStore): Promise<number[]> => [...(await mailbox.snapshot()).columns.uids];

  test('mailboxes are made with their parents, renamed with their children, and deleted from above them', async () => {
    const { account } = await someone(store(), 'tree');
    expect(await account.listing()).toMatchObject({ subscriptions: new Set(['INBOX', 'Sent', 'Drafts', 'Junk', 'Trash']) });
    expect(await account.create('work/2024/may/')).toMatchObject({ kind: 'created', mailbox: { name: 'work/2024/may', specialUse: null } });
    expect(await account.create('work/2024')).toMatchObject({ kind: 'refused', code: 'ALREADYEXISTS' });
    expect(await account.create('inbox')).toMatchObject({ code: 'ALREADYEXISTS' });
    expect(await account.create('Old', '\\Archive')).toMatchObject({ mailbox: { specialUse: '\\Archive' } });
    expect(await account.create('Older', '\\Archive')).toMatchObject({ code: 'USEATTR' });
    for (const name of ['', 'a//b', '/a', 'a*', 'a%b', 'a\tb', 'x'.repeat(1001), Array(33).fill('a').join('/')])
      expect(await account.create(name)).toMatchObject({ code: 'CANNOT' });
    expect(await account.rename('work', 'done/work')).toEqual({ kind: 'renamed' });
    expect((await names(account)).filter((name) => name.includes('work'))).toEqual(['done/work', 'done/work/2024', 'done/work/2024/may']);
    expect(await account.rename('done', 'done/within')).toMatchObject({ code: 'CANNOT' });
    expect(await account.rename('done/work', 'Old')).toMatchObject({ code: 'ALREADYEXISTS' });
    expect(await account.rename('nothing', 'x')).toMatchObject({ code: 'NONEXISTENT' });
    expect(await account.delete('done/work')).toMatchObject({ kind: 'deleted' });
    expect(await account.delete('done/work')).toMatchObject({ code: 'HASCHILDREN' });
    expect(await account.delete('nothing')).toMatchObject({ code: 'NONEXISTENT' });
    expect(await account.delete('INBOX')).toMatchObject({ code: 'CANNOT' });
    expect(await names(account)).toContain('done/work/2024');
  });

  test('a name that is used again never has a UIDVALIDITY it had before', async () => {
    const { account, inbox } = await someone(store(), 'uidvalidity');
    const all = (await account.listing()).mailboxes.map(({ uidvalidity }) => uidvalidity);
    expect(new Set(all).size).toBe(5);
    const seen = new Set<number>();
    for (let round = 0; round < 3; round++) {
      const made = await account.create('again');
      if (made.kind === 'created') seen.add(made.mailbox.uidvalidity);
      await appended(account, 'again', [{}]);
      await (round === 1 ? account.rename('again', 'elsewhere') : account.delete('again'));
    }
    expect(seen.size).toBe(3);
    expect([...seen].some((uidvalidity) => all.includes(uidvalidity))).toBe(false);
    await expect(inbox.snapshot()).resolves.toMatchObject({ uidnext: 1 });
  });

  test('renaming INBOX moves its messages and leaves INBOX and its children', async () => {
    const { account, inbox } = await someone(store(), 'rename-inbox');
    await appended(account, 'INBOX', [{}, {}]);
    await account.create('INBOX/child');
    expect(await account.rename('Inbox', 'moved')).toEqual({ kind: 'renamed' });
    expect(await names(account)).toEqual(expect.arrayContaining(['INBOX', 'INBOX/child', 'moved']));
    expect(await inbox.snapshot()).toMatchObject({ uidnext: 3, columns: { count: 0 } });
    expect(await uidsOf(await opened(account, 'moved'))).toEqual([1, 2]);
  });

  test('subscriptions are of names, and outlive their mailbox', async () => {
    const { account } = await someone(store(), 'subscriptions');
    await account.create('news');
    expect(await account.subscribe('news')).toEqual({ kind: 'subscribed' });
    expect(await account.subscribe('not/there')).toEqual({ kind: 'subscribed' });
    await account.delete('news');
    await account.unsubscribe('Sent');
    await account.unsubscribe('Sent');
    expect((await account.listing()).subscriptions).toEqual(new Set(['INBOX', 'Drafts', 'Junk', 'Trash', 'news', 'not/there']));
  });

  test('flags change with one modseq, keywords in any case are one, and what changed since is told', async () => {
    const { account, inbox } = await someone(store(), 'flags');
    await appended(account, 'INBOX', [{}, {}, {}], ['\\seen', 'Work']);
    const before = await inbox.snapshot();
    expect(before).toMatchObject({ uidnext: 4, keywords: ['Work'] });
    const stored = await inbox.storeFlags([[2, 9]], 'add', ['\\Flagged', 'WORK', '$Later', '\\Recent']);
    expect(stored).toMatchObject({ kind: 'stored', modified: [], highestmodseq: before.highestmodseq + 1, changed: { uids: new Uint32Array([2, 3]) } });
    const { changed, highestmodseq } = await inbox.changesSince(before.highestmodseq);
    expect([...changed.uids]).toEqual([2, 3]);
    expect(account.flagNames(changed.flags[0] ?? 0)).toEqual(['\\Flagged', '\\Seen', '$Later', 'Work']);
    expect(await inbox.storeFlags([[2, 3]], 'add', ['\\Seen', 'work'])).toMatchObject({ highestmodseq, changed: { uids: new Uint32Array() } });
    expect(await inbox.storeFlags(ALL_UIDS, 'remove', ['work', '\\Seen'], before.highestmodseq)).toMatchObject({
      modified: [[2, 3]],
      changed: { uids: new Uint32Array([1]) },
    });
    const third = await inbox.storeFlags([[3, 3]], 'replace', ['\\Deleted']);
    expect(third.kind === 'stored' && account.flagNames(third.changed.flags[0] ?? 0)).toEqual(['\\Deleted']);
    expect(await inbox.storeFlags([[1, 1]], 'add', ['two words'])).toMatchObject({ code: 'CANNOT' });
    expect(await inbox.storeFlags([[1, 1]], 'add', ['k'.repeat(200)])).toMatchObject({ code: 'LIMIT' });
    const another = (await store().account(account.address)) as AccountStore;
    const again = await another.open(inbox.id).snapshot();
    expect([...again.columns.flags].map((code) => another.flagNames(code))).toEqual([[], ['\\Flagged', '\\Seen', '$Later', 'Work'], ['\\Deleted']]);
  });

  test('an append is all or nothing, in order, and counted', async () => {
    const small = await fresh('append', { quota: 5000, quotaMessages: 4 });
    await small.ensureAccount('a@example.org');
    const account = (await small.account('a@example.org')) as AccountStore;
    expect(await account.append('nowhere')).toMatchObject({ code: 'TRYCREATE' });
    expect(await appended(account, 'Drafts', [{ subject: 'one' }, { subject: 'two' }], ['\\Draft'])).toEqual([1, 2]);
    const mailbox = await opened(account, 'Drafts');
    expect((await messagesOf(mailbox)).map(({ index, receivedAt }) => [index?.env.subject, receivedAt])).toEqual([
      ['one', RECEIVED],
      ['two', RECEIVED],
    ]);
    const used = await account.quota();
    expect(used).toMatchObject({ usedMessages: 2, limitBytes: 5000, limitMessages: 4 });
    const tooLarge = (await account.append('Drafts')) as Appending;
    expect(await tooLarge.add(pieces(octets()), { flags: [] })).toEqual({ kind: 'added' });
    expect(await tooLarge.add(pieces(octets({ body: 'x'.repeat(6000) })), { flags: [] })).toMatchObject({ code: 'OVERQUOTA' });
    expect(await tooLarge.commit()).toMatchObject({ code: 'OVERQUOTA' });
    const tooMany = (await account.append('Drafts')) as Appending;
    for (const kind of ['added', 'added', 'refused']) expect((await tooMany.add(pieces(octets()), { flags: [] })).kind).toBe(kind);
    await tooMany.abort();
    const broken = (await account.append('Drafts')) as Appending;
    async function* cut(): AsyncGenerator<Buffer> {
      yield octets();
      throw new Error('the client is gone');
    }
    await expect(broken.add(cut(), { flags: [] })).rejects.toThrow('the client is gone');
    await broken.abort();
    expect(await account.quota()).toEqual(used);
    expect(await small.setQuota('a@example.org', { bytes: null, messages: 0 })).toBe(true);
    expect(await account.quota()).toMatchObject({ limitBytes: 5000, limitMessages: null });
    expect(await small.room('a@example.org')).toBe(5000 - used.usedBytes);
    expect(await small.room('unknown@example.org')).toBe(Number.POSITIVE_INFINITY);
    await small.setQuota('a@example.org', { bytes: 0, messages: used.usedMessages });
    expect(await small.room('a@example.org')).toBe(0);
    await small.setQuota('a@example.org', { bytes: 0, messages: 0 });
    expect(await small.room('a@example.org')).toBe(Number.POSITIVE_INFINITY);
  });

  test('a message is read by byte range over own header and content, with ids that its copy shares', async () => {
    const { account, inbox, address } = await someone(store(), 'read');
    const content = octets({ header: 'Message-ID: <root@example.org>\r\n', body: randomBytes(300_000).toString('base64') });
    const ownHeader = 'Return-Path: <bob@example.org>\r\n';
    await store().deliver(pieces(content), content.length, [
      { queueId: newQueueId(0, RECEIVED), recipient: 3, account: address, mailbox: 'INBOX', ownHeader, receivedAt: RECEIVED },
    ]);
    await appended(account, 'INBOX', [{ header: 'References: <root@example.org> <other@example.org>\r\n' }]);
    const [message, reply] = (await messagesOf(inbox)) as [MessageInfo, MessageInfo];
    const whole = ownHeader + content.toString();
    expect(message).toMatchObject({ uid: 1, size: whole.length, receivedAt: RECEIVED, index: { env: { subject: 'hello' } } });
    expect(message.content.ownHeader.toString()).toBe(ownHeader);
    expect(await textOf(message)).toBe(whole);
    for (const [start, end] of [
      [0, 10],
      [20, 60],
      [ownHeader.length, ownHeader.length + 4],
      [100_000, 200_000],
      [whole.length - 5, whole.length + 50],
      [50, 50],
      [whole.length, whole.length + 1],
    ] as const)
      expect(await textOf(message, start, end)).toBe(whole.slice(start, end));
    expect(reply.threadId).toBe(message.threadId);
    expect(reply.emailId).not.toBe(message.emailId);
    expect(await inbox.copy([[1, 1]], 'Trash')).toMatchObject({ kind: 'copied' });
    const [copy] = await messagesOf(await opened(account, 'Trash'));
    expect(copy).toMatchObject({ emailId: message.emailId, threadId: message.threadId, receivedAt: RECEIVED });
    for (const id of [message.emailId, message.threadId]) expect(id).toMatch(/^[\w-]{1,255}$/);
  });

  test('messages come in order, however long the index of some is, and one that is expunged meanwhile not at all', async () => {
    const { account, inbox } = await someone(store(), 'indexes');
    const long = { header: 'Content-Type: multipart/mixed; boundary=b\r\n', body: `${'--b\r\n\r\nx\r\n'.repeat(300)}--b--\r\n` };
    await appended(account, 'INBOX', [long, {}, {}, long, long, {}]);
    const told = (await messagesOf(inbox)).map(({ uid, index }) => [uid, index?.env.subject, JSON.stringify(index).length > 8192]);
    expect(told).toEqual([1, 2, 3, 4, 5, 6].map((uid) => [uid, 'hello', [1, 4, 5].includes(uid)]));
    const uids: number[] = [];
    for await (const batch of inbox.messages(ALL_UIDS, { index: true })) {
      if (uids.length === 0) await inbox.expunge([[4, 4]], 'all');
      uids.push(...batch.map(({ uid }) => uid));
    }
    expect(uids).toEqual([1, 2, 3, 5, 6]);
  });

  test('the envelope alone is that of the index, whatever stands in it', async () => {
    const { account, inbox } = await someone(store(), 'envelopes');
    const odd = { subject: ',"root":{} \\",', header: 'Cc: ",\\"root\\":" <a@example.org>\r\n' };
    await appended(account, 'INBOX', [{}, odd, { body: 'x'.repeat(20_000) }]);
    const whole = (await messagesOf(inbox)).map(({ index }) => index?.env);
    const alone = (await Array.fromAsync(inbox.messages(ALL_UIDS, { envelope: true }))).flat();
    expect(whole[1]?.subject).toContain(',"root":');
    expect(alone.map(({ envelope }) => envelope)).toEqual(whole);
    expect(alone.map(({ index }) => index)).toEqual([null, null, null]);
    expect((await Array.fromAsync(inbox.messages(ALL_UIDS))).flat().map(({ envelope }) => envelope)).toEqual([null, null, null]);
  });

  test('copy, move and expunge: UIDs in pairs, what vanished, the quota, and content that goes with its last copy', async () => {
    const { account, inbox } = await someone(store(), 'copies');
    await appended(account, 'INBOX', [{}, {}, {}, {}], ['$kept']);
    const begin = await inbox.snapshot();
    const trash = await opened(account, 'Trash');
    const copied = { kind: 'copied', from: new Uint32Array([2, 4]), to: new Uint32Array([1, 2]) };
    expect(
      await inbox.copy(
        [
          [2, 2],
          [4, 4_294_967_295],
        ],
        'trash',
      ),
    ).toMatchObject({ code: 'TRYCREATE' });
    expect(
      await inbox.copy(
        [
          [2, 2],
          [4, 4_294_967_295],
        ],
        'Trash',
      ),
    ).toMatchObject(copied);
    expect((await trash.snapshot()).keywords).toEqual(['$kept']);
    expect(await account.quota()).toMatchObject({ usedMessages: 6 });
    expect(await inbox.move([[1, 2]], 'Trash')).toMatchObject({ from: new Uint32Array([1, 2]), to: new Uint32Array([3, 4]) });
    expect(await inbox.move([[3, 3]], 'INBOX')).toMatchObject({ from: new Uint32Array([3]), to: new Uint32Array([5]) });
    expect(await inbox.copy([[99, 100]], 'Trash')).toMatchObject({ from: new Uint32Array(), to: new Uint32Array() });
    expect(await inbox.changesSince(begin.highestmodseq)).toMatchObject({ uidnext: 6, changed: { uids: new Uint32Array([5]) }, vanished: [[1, 3]] });
    await trash.storeFlags([[1, 3]], 'add', ['\\Deleted']);
    expect([...(await trash.expunge([[3, 9]], 'deleted')).uids]).toEqual([3]);
    expect([...(await trash.expunge([[3, 3]], 'deleted')).uids]).toEqual([]);
    expect([...(await trash.expunge(ALL_UIDS, 'all')).uids]).toEqual([1, 2, 4]);
    expect(await account.quota()).toMatchObject({ usedMessages: 2 });
    await inbox.expunge(ALL_UIDS, 'all');
    await appended(account, 'INBOX', [{ body: 'x'.repeat(300_000) }]);
    const [message] = await messagesOf(inbox);
    await inbox.copy(ALL_UIDS, 'Trash');
    await inbox.expunge(ALL_UIDS, 'all');
    expect(await textOf(message as MessageInfo)).toHaveLength(message?.size ?? 0);
    await trash.expunge(ALL_UIDS, 'all');
    await expect(textOf(message as MessageInfo)).rejects.toThrow();
    expect(await account.quota()).toMatchObject({ usedMessages: 0, usedBytes: 0 });
    expect(await trash.snapshot()).toMatchObject({ uidnext: 6 });
  });

  test('a redelivery of what was moved, expunged, or in a mailbox now deleted changes nothing', async () => {
    const { account, inbox, address } = await someone(store(), 'redelivered');
    await account.create('lists');
    const one = (mailbox: string) => ({ queueId: newQueueId(0, RECEIVED), recipient: 0, account: address, mailbox, ownHeader: '', receivedAt: RECEIVED });
    const deliveries = [one('INBOX'), one('INBOX'), one('lists')];
    for (const delivery of deliveries) await store().deliver(octets(), 0, [delivery]);
    await inbox.move([[1, 1]], 'Trash');
    await inbox.expunge([[2, 2]], 'all');
    await account.delete('lists');
    for (const delivery of deliveries) expect(await store().deliver(octets(), 0, [delivery])).toMatchObject([{ repeated: true }]);
    expect(await uidsOf(inbox)).toEqual([]);
  });

  test('a session of a mailbox that was deleted is told so', async () => {
    const { account, inbox } = await someone(store(), 'gone');
    await account.create('short');
    await appended(account, 'short', [{}]);
    const short = await opened(account, 'short');
    await account.delete('short');
    const calls = [
      () => short.snapshot(),
      () => short.changesSince(1),
      () => short.storeFlags(ALL_UIDS, 'add', ['\\Seen']),
      () => short.copy(ALL_UIDS, 'INBOX'),
    ];
    for (const call of [...calls, () => short.expunge(ALL_UIDS, 'all'), () => short.lock('x')]) await expect(call()).rejects.toThrow(MailboxGoneError);
    expect(await messagesOf(short)).toEqual([]);
    expect(await store().removeAccount(account.address)).toBe(true);
    for (const call of [() => inbox.snapshot(), () => account.quota(), () => account.create('x')]) await expect(call()).rejects.toThrow(MailboxGoneError);
    expect(await account.append('INBOX')).toMatchObject({ code: 'TRYCREATE' });
    expect(await store().account(account.address)).toBeNull();
  });

  test('status counts, and a message is recent for the session that claims it first', async () => {
    const { account, inbox } = await someone(store(), 'status');
    await appended(account, 'INBOX', [{}, {}, {}]);
    await inbox.storeFlags([[1, 1]], 'add', ['\\Seen', '\\Deleted']);
    const { size, ...status } = (await account.status([inbox.id, 999_999])).get(inbox.id) ?? { size: 0 };
    expect(status).toMatchObject({ messages: 3, unseen: 2, deleted: 1, uidnext: 4, recent: 3 });
    expect(size).toBe((await messagesOf(inbox)).reduce((sum, message) => sum + message.size, 0));
    const claims = await Promise.all([1, 2, 3].map(() => inbox.snapshot({ claimRecent: true })));
    expect(claims.map(({ recentFrom }) => recentFrom).sort()).toEqual([1, 4, 4]);
    await appended(account, 'INBOX', [{}]);
    const changes = await Promise.all([1, 2].map(() => inbox.changesSince(claims[0]?.highestmodseq ?? 0, { claimRecent: true })));
    expect(changes.map(({ recentFrom }) => recentFrom).sort()).toEqual([4, 5]);
  });

  test('a lock is exclusive, says who holds it, and is free again when released', async () => {
    const { inbox } = await someone(store(), 'lock');
    const first = await inbox.lock('pod-1');
    const results = await Promise.all([1, 2, 3].map(() => inbox.lock('pod-2')));
    expect(results).toMatchObject([1, 2, 3].map(() => ({ kind: 'in-use', holder: 'pod-1' })));
    if (first.kind === 'locked') await first.lock.release();
    expect(await inbox.lock('pod-3')).toMatchObject({ kind: 'locked' });
  });

  test('watchers hear of every change after it is committed, and of nothing once they stop', async () => {
    const { account, inbox, address } = await someone(store(), 'watched');
    const heard: MailboxEvent[] = [];
    const ofInbox: MailboxEvent[] = [];
    const watching = await store().watch({ account: account.id }, (event) => heard.push(event));
    await store().watch({ account: account.id, mailbox: inbox.id }, (event) => ofInbox.push(event));
    await store().deliver(octets(), 0, [
      { queueId: newQueueId(0, RECEIVED), recipient: 0, account: address, mailbox: 'INBOX', ownHeader: '', receivedAt: RECEIVED },
    ]);
    const made = await account.create('new');
    const id = made.kind === 'created' ? made.mailbox.id : 0;
    await inbox.move([[1, 1]], 'new');
    await account.delete('new');
    expect(heard).toEqual([
      { kind: 'changed', mailbox: inbox.id, highestmodseq: 2 },
      { kind: 'mailboxes' },
      { kind: 'changed', mailbox: inbox.id, highestmodseq: 3 },
      { kind: 'changed', mailbox: id, highestmodseq: 2 },
      { kind: 'gone', mailbox: id },
      { kind: 'mailboxes' },
    ]);
    watching.stop();
    await inbox.storeFlags(ALL_UIDS, 'add', ['\\Seen']);
    await account.create('unheard');
    expect(heard).toHaveLength(6);
    expect(ofInbox).toEqual(heard.filter((event) => event.kind === 'changed' && event.mailbox === inbox.id));
  });

  test('check finds nothing in a sound store', async () => {
    const problems = [];
    let messages = 0;
    for await (const finding of store().check({ digests: true })) {
      if (finding.kind === 'problem') problems.push(finding);
      else messages += finding.messages;
    }
    expect(problems).toEqual([]);
    expect(messages).toBeGreaterThan(10);
  });
}
