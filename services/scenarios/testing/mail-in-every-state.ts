// The mail that one version leaves and another finds: a message in every state that a queue knows, and what must become of each. It owns nothing.
// The writer plays PARKING, so what is owed and what is for a mailbox stays where it is.
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { QueuedMessage } from '#shared/protocol/admin-api.ts';
import { eventually } from '#shared/testing/eventually.ts';
import type { Product } from '#shared/testing/product.ts';
import type { Sink } from '#shared/testing/sink.ts';
import type { SinkMessage, SinkScript } from '#shared/testing/sink-script.ts';
import { stafette } from './stafette.ts';
import { greeted, type Mail, send, sendOn } from './talk.ts';

/** Roles that take and try mail, but neither report nor file it. */
export const PARKING = ['smtp-ingress', 'router', 'resolver', 'remote-delivery', 'admin'] as const;
/** Every role that handles mail. */
export const ROLES = [...PARKING, 'local-mailbox', 'bounce'] as const;
/** Roles that take mail and do nothing with it. */
export const TAKING = ['smtp-ingress', 'admin'] as const;

export const SHARD = '{stafette:0}:';
const SENDER = 'sender@client.test';
const MANY = Array.from({ length: 130 }, (_, i) => `later-${i}@many.test`);

/** What the next hop does until everything is let through: by local-part. */
export const UNWILLING: SinkScript = {
  rcpt: (path) => (path.startsWith('later') ? '450 4.2.0 Try later' : path.startsWith('never') ? '550 5.1.1 No such user' : undefined),
};

/** By name, which is the Subject. */
const MAIL = {
  one: { to: 'later@one.test' },
  several: { to: ['later-a@several.test', 'later-b@several.test', 'later-c@several.test'] },
  many: { to: MANY },
  parameters: {
    to: 'later@parameters.test',
    mailParameters: ' RET=HDRS ENVID=QQ314159',
    rcptParameters: ' NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;original@elsewhere.test',
  },
  'eight bits': { to: ['later-a@bits.test', 'later-b@bits.test'], mailParameters: ' BODY=8BITMIME', body: 'Grüße' },
  utf8: { from: 'grüße@client.test', to: ['later-jörg@utf8.test', 'later-ana@utf8.test'], mailParameters: ' SMTPUTF8 BODY=8BITMIME', body: 'Grüße' },
  'null path': { from: '', to: 'later@null.test' },
  cold: { to: ['later-a@cold.test', 'later-b@cold.test'], body: 'a line of a large message\n'.repeat(8_000) },
  partly: { to: ['now@partly.test', 'later-a@partly.test', 'later-b@partly.test', 'never@partly.test'] },
  failed: { to: ['never-a@failed.test', 'never-b@failed.test'] },
  'for a mailbox': { to: ['ann@here.test', 'bob@here.test'] },
  held: { to: ['later-a@held.test', 'later-b@held.test'] },
  dead: { to: 'later@dead.test' },
} as const satisfies Readonly<Record<string, Partial<Mail> & { readonly body?: string }>>;

/** Taken while nobody routes. */
const UNROUTED = {
  'one unrouted': { to: 'now@one.test' },
  'several unrouted': { to: ['now-a@several.test', 'now-b@several.test', 'now-c@several.test'] },
} as const;

type Name = keyof typeof MAIL | keyof typeof UNROUTED;
export type Ids = Readonly<Record<Name, string>>;

type Written = Partial<Mail> & Pick<Mail, 'to'> & { readonly body?: string };

function mailOf(name: string, { body = 'test', ...mail }: Written): Mail {
  return { from: SENDER, ...mail, text: `Subject: ${name}\n\n${body}\n` };
}

/** Sends what is to be routed; resolves when each message stands in its state and nothing more will happen to it. */
export async function leaveMail(product: Product, redis: Redis): Promise<Readonly<Record<keyof typeof MAIL, string>>> {
  const ids: Record<string, string> = {};
  await using dialogue = await greeted(product.smtp);
  for (const [name, mail] of Object.entries(MAIL)) ids[name] = await sendOn(dialogue, mailOf(name, mail));
  await atRest(product);
  await hold(product, redis, ids['held'] as string);
  await bury(product, redis, ids['dead'] as string);
  // What is held has its wake-ups put aside.
  await eventually(() => redis.hget(`${SHARD}m:${ids['held']}`, 'p'), { within: 10_000 });
  await atRest(product, ids['dead']);
  return ids as Readonly<Record<keyof typeof MAIL, string>>;
}

/** Sends what nobody routes. */
export async function leaveUnrouted(product: Product): Promise<Readonly<Record<keyof typeof UNROUTED, string>>> {
  const ids = await Promise.all(Object.entries(UNROUTED).map(async ([name, mail]) => [name, await send(product, mailOf(name, mail))] as const));
  return Object.fromEntries(ids) as Readonly<Record<keyof typeof UNROUTED, string>>;
}

/** The whole queue, oldest first, as the operator sees it. */
export async function queued(product: Product): Promise<readonly QueuedMessage[]> {
  const { messages } = await asked<{ messages: readonly QueuedMessage[] }>(product, 'queue', 'list', '--order', 'oldest', '--limit', '100');
  return messages;
}

export async function asked<T>(product: Product, ...words: readonly string[]): Promise<T> {
  const { out, err } = await stafette(product, [...words, '--json']);
  if (out === '') throw new Error(err);
  return JSON.parse(out) as T;
}

/** Resolves when the next hop has answered for everybody, and what it put off is due at a time far off. A dead letter is due at none. */
async function atRest(product: Product, dead?: string): Promise<void> {
  const restless = ({ id, recipients, state }: QueuedMessage): readonly string[] => {
    if (state === 'held' || id === dead) return [];
    if (state === 'incoming') return ['not routed'];
    const waiting = recipients.filter((each) => each.state === 'queued' && each.transport !== 'local');
    return waiting.filter(({ attempts, due }) => attempts === 0 || !due || due < Date.now()).map(({ address }) => address);
  };
  await eventually(async () => (await queued(product)).flatMap(restless).length === 0, { within: 30_000, every: 200 });
}

/** Held by the operator when its time comes: the next flush finds it so. */
async function hold(product: Product, redis: Redis, id: string): Promise<void> {
  await asked(product, 'queue', 'hold', id);
  const due = `${SHARD}due:${await mailboxOf(product, id)}`;
  for (const entry of await redis.zrange(due, '0', '-1')) if (entry.startsWith(id)) await redis.zadd(due, Date.now(), entry);
}

/** Of its first recipient. */
async function mailboxOf(product: Product, id: string): Promise<string> {
  return (await queued(product)).find((each) => each.id === id)?.recipients[0]?.mailbox ?? '';
}

/** A dead letter as a bug makes one: its actor throws once more after eleven times. Then the record is whole again. */
async function bury(product: Product, redis: Redis, id: string): Promise<void> {
  const mailbox = await mailboxOf(product, id);
  const record = `${SHARD}m:${id}`;
  const recipient = (await redis.hget(record, 'r0')) ?? '';
  await eventually(async () => (await redis.hexists(`${SHARD}key:${mailbox}`, 'job')) === 0, { within: 10_000 });
  await redis.hset(`${SHARD}key:${mailbox}`, 'tries', JSON.stringify([[`${id}/0`, 11]]));
  await redis.hset(record, 'r0', recipient.replace('\n{', '\n'));
  await asked(product, 'queue', 'flush');
  await eventually(async () => (await redis.hlen(`${SHARD}dead`)) === 1, { within: 10_000 });
  await redis.hset(record, 'r0', recipient);
}

/** Lets everything go: the held, the dead, and what waits for its time. */
export async function letGo(product: Product): Promise<void> {
  await asked(product, 'queue', 'release', '--all');
  await asked(product, 'dead-letters', 'replay', '--all');
  await asked(product, 'queue', 'flush');
}

/** What came to the next hop: mail, and of reports to the sender the addresses that they tell of. */
export function arrived({ messages }: Sink): { readonly mail: readonly SinkMessage[]; readonly told: readonly string[] } {
  const told = messages
    .filter(isReport)
    .flatMap(({ content }) => [...content.toString().matchAll(/^Final-Recipient: \S+;\s*(\S+)/gim)].map(([, address = '']) => address));
  return { mail: messages.filter((each) => !isReport(each)), told };
}

/** Each recipient of the next hop has come to it once, with the parameters of the envelope, and each failure was told once. */
export function expectAllOnce(sink: Sink): void {
  const sent = Object.entries({ ...MAIL, ...UNROUTED } as Readonly<Record<string, Written>>);
  const wanted = sent.flatMap(([name, { to }]) => [to].flat().flatMap((path) => (/^never|@here/.test(path) ? [] : [`${name}: ${path}`])));
  const { mail, told } = arrived(sink);
  const received = mail.flatMap((each) => each.recipients.map(({ path }) => `${subjectOf(each)}: ${path}`));
  expect(received.toSorted()).toEqual(wanted.toSorted());
  expect(told.toSorted()).toEqual(['never-a@failed.test', 'never-b@failed.test', 'never@partly.test']);
  const [withParameters, utf8] = ['parameters', 'utf8'].map((name) => mail.find((each) => subjectOf(each) === name));
  expect(Object.fromEntries(withParameters?.parameters ?? [])).toMatchObject({ RET: 'HDRS', ENVID: 'QQ314159' });
  const recipient = Object.fromEntries(withParameters?.recipients[0]?.parameters ?? []);
  expect(recipient).toMatchObject({ NOTIFY: 'SUCCESS,FAILURE', ORCPT: 'rfc822;original@elsewhere.test' });
  expect(utf8?.parameters.has('SMTPUTF8')).toBe(true);
}

function isReport({ reversePath, recipients }: SinkMessage): boolean {
  return reversePath === '' && recipients[0]?.path === SENDER;
}

function subjectOf({ content }: SinkMessage): string {
  return /^Subject: (.*?)\r$/m.exec(content.toString())?.[1] ?? '';
}
