// kill -9 of local-mailbox, imap and pop3 under load, on both databases: what was answered is there, what was not is there once or not at all,
// and index and content agree.
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { type MailPods, startMailPods } from './testing/mail-pods.ts';
import { appendWhile, canHold, holdMaildrop, type Moved, moveWhile, type Stored, sendWhile, textsIn } from './testing/mail-under-kill.ts';

const [ALICE, BOB, CAROL, DAVE, ERIN] = ['alice', 'bob', 'carol', 'dave', 'erin'].map((name) => `${name}@example.org`) as [
  string,
  string,
  string,
  string,
  string,
];
const TO_MOVE = 600;
const MAILDROP = 40;
const MARKED = 25;
/** The lease of a lock, and what a busy machine adds. */
const FREE_WITHIN = 25_000;

test.each(['sqlite', 'postgres'] as const)('on %s a kill of each mail role loses and doubles nothing', { timeout: 180_000 }, async (database) => {
  await using pods = await startMailPods({ database, accounts: [ALICE, BOB, CAROL, DAVE, ERIN], copies: 2 });
  const [imap, otherImap] = pods.imap as [(typeof pods.imap)[0], (typeof pods.imap)[0]];
  await fill(pods, ALICE, 'Junk', TO_MOVE);
  for (const account of [CAROL, DAVE, ERIN]) await fill(pods, account, 'INBOX', MAILDROP);
  const junk = await textsIn(otherImap, ALICE, 'Junk');

  let going = true;
  const goesOn = () => going;
  const sending = [0, 1, 2].map((number) => sendWhile(pods.front, `s${number}`, [ALICE, BOB], goesOn));
  const appended: [Stored[], Stored[]] = [[], []];
  const appending = ['Drafts', 'Sent'].map((mailbox, index) => appendWhile(imap, BOB, mailbox, goesOn, appended[index]));
  const moving = moveWhile(imap, ALICE, 'Junk', 'Trash', goesOn);
  const locks = killPop3(pods);
  for (const [round, delivery] of [...pods.delivery, ...pods.delivery].entries()) {
    await Promise.all([pause(400 + 150 * round), getOn(appended)]);
    await Promise.all([delivery.kill(), imap.kill()]);
    await Promise.all([delivery.start(), imap.start()]);
  }
  await Promise.all([pause(500), getOn(appended)]);
  going = false;
  await locks;

  const acknowledged = (await Promise.all(sending)).flat();
  for (const account of [ALICE, BOB])
    await eventually(async () => judgeDelivered(await textsIn(otherImap, account, 'INBOX'), acknowledged), { within: 30_000 });
  for (const [index, mailbox] of ['Drafts', 'Sent'].entries()) judgeAppended(await textsIn(otherImap, BOB, mailbox), (await appending[index]) ?? []);
  const unanswered = (await Promise.all(appending)).flat().filter(({ uids }) => uids === null);
  expect(unanswered.length, 'commands under way when their process was killed').toBeGreaterThan(0);
  judgeMoved(await textsIn(otherImap, ALICE, 'Junk'), await textsIn(otherImap, ALICE, 'Trash'), junk, await moving);
  await pods.check();
});

/** A few more are answered in each mailbox, however busy the machine is. */
async function getOn(appended: readonly (readonly Stored[])[]): Promise<void> {
  const answered = () => appended.map((all) => all.filter(({ uids }) => uids).length);
  const before = answered();
  await eventually(() => answered().every((count, index) => count >= (before[index] ?? 0) + 3), { within: 30_000 });
}

/** A mailbox of numbered messages. */
async function fill({ imap }: MailPods, account: string, mailbox: string, count: number): Promise<void> {
  let left = Math.ceil(count / 2); // appendWhile stores two at a time, on average
  await appendWhile(imap[1] as MailPods['imap'][0], account, mailbox, () => left-- > 0);
}

/** Three sessions: one has only marked, two send QUIT as their process dies. Afterwards each maildrop is as before, or without all that was marked. */
async function killPop3({ pop3, imap }: MailPods): Promise<void> {
  const [victim, other] = pop3 as [(typeof pop3)[0], (typeof pop3)[0]];
  const accounts = [CAROL, DAVE, ERIN];
  await using stack = new AsyncDisposableStack();
  const before = await Promise.all(accounts.map((account) => textsIn(imap[1] as (typeof imap)[0], account, 'INBOX')));
  const held = await Promise.all(accounts.map(async (account) => stack.use(await holdMaildrop(victim, account, MARKED))));
  for (const account of accounts) expect(await canHold(other, account)).toBe(false);
  const quitting = held.slice(1).map((session) => session.quit());
  await pause(3);
  await victim.kill();
  const answered = [false, ...(await Promise.all(quitting))];
  await victim.start();
  await Promise.all(accounts.map((account) => eventually(() => canHold(other, account), { within: FREE_WITHIN, every: 250 })));
  for (const [index, account] of accounts.entries()) {
    const uids = [...(await textsIn(imap[1] as (typeof imap)[0], account, 'INBOX')).keys()];
    const all = [...(before[index]?.keys() ?? [])];
    const removed = all.slice(MARKED);
    expect(uids).toEqual(answered[index] || uids.length === removed.length ? removed : all);
    if (index === 0) expect(uids).toEqual(all);
  }
}

/** Each once, with UIDs that leave out none. */
function judgeDelivered(there: ReadonlyMap<number, string>, acknowledged: readonly string[]): true {
  expect([...there.values()].sort()).toEqual(acknowledged.toSorted());
  expect([...there.keys()]).toEqual(acknowledged.map((_, index) => index + 1));
  return true;
}

function judgeAppended(there: ReadonlyMap<number, string>, all: readonly Stored[]): void {
  const places = new Map([...there].map(([uid, text]) => [text, uid]));
  expect(places.size, 'no text is there twice').toBe(there.size);
  for (const { texts, uids } of all) {
    const found = texts.flatMap((text) => places.get(text) ?? []);
    if (uids) expect(found).toEqual(uids);
    else expect([0, texts.length]).toContain(found.length);
  }
  expect(all.filter(({ uids }) => uids).length).toBeGreaterThan(10);
}

function judgeMoved(
  left: ReadonlyMap<number, string>,
  arrived: ReadonlyMap<number, string>,
  before: ReadonlyMap<number, string>,
  moved: readonly Moved[],
): void {
  expect([...left.values(), ...arrived.values()].sort()).toEqual([...before.values()].sort());
  for (const { uid, to } of moved) if (to !== null) expect(arrived.get(to)).toBe(before.get(uid));
  expect(moved.filter(({ to }) => to !== null).length).toBeGreaterThan(10);
}
