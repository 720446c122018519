// `stafette mailbox import ADDRESS PATH`: files the messages of a Maildir or of mbox files, with flags and dates, once however often it runs.
import { createHash } from 'node:crypto';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { AccountStore, Appending } from '#shared/mailstore/account-store.ts';
import { openMail } from '../stores.ts';
import { CommandError, UsageError } from '../usage-error.ts';
import { accountAddress, accountIn, mailboxName } from './account-of.ts';
import { digestsOf, uidSet } from './digests.ts';
import { type Journal, type Noted, openJournal, type Place } from './journal.ts';
import type { MailSource, SourceMailbox, SourceMessage } from './mail-source.ts';
import type { MailboxVerb } from './mailbox-command.ts';
import { openMaildir } from './maildir-source.ts';
import { openMbox, openMboxFolder } from './mbox-source.ts';
import { type Progress, startProgress } from './progress.ts';

/** Filed in one transaction. */
const BATCH_MESSAGES = 100;
const BATCH_BYTES = 32 * 1024 * 1024;

interface Counts {
  imported: number;
  /** Filed by an earlier run. */
  before: number;
  /** Gone from the source while we read. */
  gone: number;
}

interface Verified {
  readonly verified: number;
  /** Filed, and no longer in that mailbox. */
  readonly missing: number;
}

export const importMail: MailboxVerb = async (words, { options }, config, output) => {
  const [word, path, ...others] = words;
  if (word === undefined || path === undefined || others.length > 0) throw new UsageError('mailbox import: expected ADDRESS PATH');
  const address = accountAddress(word);
  const top = mailboxName(options.mailbox ?? 'INBOX');
  await using source = await openSource(path, top, options.format);
  await using mail = await openMail(config);
  const account = await accountIn(mail, config, address);
  await using journal = await openJournal(config.data_dir, [address, await realpath(path), top]);
  const counts = await importAll(account, journal, source);
  const { passedOver, kind } = source;
  const { imported, before, gone, verified, missing } = counts;
  if (output.json({ address, source: kind, ...counts, passedOver })) return missing > 0 ? 1 : 0;
  output.print(`${imported} messages imported from the ${kind} into ${address}, ${verified} verified by their digests`);
  if (before > 0) output.print(`${before} were there from an earlier import`);
  if (gone > 0) output.print(`${gone} went from the source meanwhile`);
  if (passedOver > 0) output.print(`${passedOver} links and special files were passed over`);
  if (missing > 0) output.print(`${missing} are no longer where they were put: moved or deleted by their owner meanwhile?`);
  return missing > 0 ? 1 : 0;
};

async function importAll(account: AccountStore, journal: Journal, source: MailSource): Promise<Counts & Verified> {
  using progress = startProgress('imported');
  await settleOpenBatch(account, journal);
  const counts: Counts = { imported: 0, before: 0, gone: 0 };
  for await (const mailbox of source.mailboxes()) {
    progress.at(mailbox.name);
    await importMailbox(account, journal, mailbox, counts, progress);
  }
  progress.at('verifying');
  return { ...counts, ...(await verify(account, journal)) };
}

async function openSource(path: string, top: string, format: string | undefined): Promise<MailSource> {
  if (format !== undefined && !['maildir', 'mbox', 'mboxrd', 'mboxo'].includes(format))
    throw new UsageError(`--format ${format}: expected maildir, mbox (or mboxrd) or mboxo`);
  const dialect = format === 'mboxo' ? 'mboxo' : 'mboxrd';
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(`${path} cannot be read (${error.code})`);
  });
  if (found.isFile() && format !== 'maildir') return openMbox(path, top, dialect);
  if (!found.isDirectory()) throw new CommandError(`${path} is no ${format === 'maildir' ? 'Maildir' : 'folder and no mbox file'}`);
  const names = await readdir(path);
  const asMbox = format === undefined ? !names.includes('cur') && names.some((name) => name.endsWith('.mbox')) : format !== 'maildir';
  return asMbox ? openMboxFolder(path, dialect) : openMaildir(path, top);
}

async function importMailbox(account: AccountStore, journal: Journal, { name, messages }: SourceMailbox, counts: Counts, progress: Progress): Promise<void> {
  if (messages.length === 0 && name === 'INBOX') return;
  await makeMailbox(account, name);
  const place = await placeOf(account, name);
  const wanted = messages.filter(({ key }) => !journal.has(place, key));
  counts.before += messages.length - wanted.length;
  for (let at = 0; at < wanted.length; ) {
    const { taken, filed } = await importBatch(account, journal, name, wanted.slice(at, at + BATCH_MESSAGES), progress);
    at += taken;
    counts.imported += filed;
    counts.gone += taken - filed;
  }
}

async function makeMailbox(account: AccountStore, name: string): Promise<void> {
  if (await account.find(name)) return;
  const made = await account.create(name);
  if (made.kind === 'refused') throw new CommandError(`the mailbox ${name} cannot be made: ${made.text}`);
  await account.subscribe(made.mailbox.name);
}

/** Files as many of the messages as make a batch. `taken` of them are done, and `filed` of these were still there. */
async function importBatch(account: AccountStore, journal: Journal, name: string, messages: readonly SourceMessage[], progress: Progress) {
  const appending = await account.append(name);
  if (appending.kind === 'refused') throw new CommandError(`${name}: ${appending.text}`);
  const noted: Noted[] = [];
  let taken = 0;
  try {
    for (let bytes = 0; taken < messages.length && bytes < BATCH_BYTES; taken++) {
      const message = messages[taken] as SourceMessage;
      const added = await addMessage(appending, name, message);
      if (!added) continue;
      noted.push([message.key, added.digest]);
      bytes += added.size;
      progress.step(added.size);
    }
    if (noted.length === 0) return { taken, filed: 0 };
    await journal.begin({ ...(await placeOf(account, name)), messages: noted });
    const filed = await appending.commit();
    if (filed.kind === 'refused') throw new CommandError(refusal(name, filed.text));
    await journal.settle(filed.uids);
  } finally {
    await appending.abort();
  }
  return { taken, filed: noted.length };
}

async function addMessage(appending: Appending, name: string, { content, flags, receivedAt }: SourceMessage) {
  const stream = await content();
  if (!stream) return null;
  const hash = createHash('sha256');
  let size = 0;
  async function* measured(octets: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of octets) {
      hash.update(piece);
      size += piece.length;
      yield piece;
    }
  }
  const added = await appending.add(measured(stream), { flags, receivedAt });
  if (added.kind === 'refused') throw new CommandError(refusal(name, added.text));
  return { digest: hash.digest('hex'), size };
}

function refusal(name: string, text: string): string {
  return `${name}: ${text}; what was imported so far is kept, and the same command goes on from there`;
}

async function placeOf(account: AccountStore, name: string): Promise<Place> {
  const found = await account.find(name);
  const status = found && (await account.status([found.id])).get(found.id);
  return { mailbox: name, uidvalidity: status?.uidvalidity ?? 0, uidnext: status?.uidnext ?? 1 };
}

/** Looks whether the batch under way when an earlier run was cut off has been filed: all of it, or nothing. */
async function settleOpenBatch(account: AccountStore, journal: Journal): Promise<void> {
  const batch = journal.open;
  if (!batch) return;
  const found = await account.find(batch.mailbox);
  const digests = found?.uidvalidity === batch.uidvalidity ? await Array.fromAsync(digestsOf(account.open(found.id), [[batch.uidnext, 0xffff_ffff]])) : [];
  const byDigest = Map.groupBy(digests, ({ digest }) => digest);
  const uids = batch.messages.map(([, digest]) => byDigest.get(digest)?.shift()?.uid);
  await journal.settle(uids.every((uid) => uid === undefined) ? null : uids.map((uid) => uid ?? 0));
}

/** Reads back what was filed and not yet verified. Throws CommandError when the store has something else. */
async function verify(account: AccountStore, journal: Journal): Promise<Verified> {
  let verified = 0;
  let all = 0;
  for (const [mailbox, filed] of Map.groupBy(journal.unverified, (each) => each.mailbox)) {
    const found = await account.find(mailbox);
    // What an earlier run filed in a mailbox that was deleted since was filed again.
    const here = filed.filter(({ uidvalidity }) => !found || uidvalidity === found.uidvalidity);
    all += here.length;
    const wanted = new Map(here.map(({ uid, digest }) => [uid, digest]));
    const stored = found ? digestsOf(account.open(found.id), uidSet([...wanted.keys()].filter((uid) => uid > 0))) : [];
    for await (const { uid, digest } of stored) {
      if (wanted.get(uid) !== digest) throw new CommandError(`${mailbox}: message ${uid} is not what was imported: stafette mailbox check`);
      verified++;
    }
    // Reads it as SELECT will: a large mailbox then has its snapshot when its owner comes.
    if (found) await account.open(found.id).snapshot();
  }
  await journal.verified();
  return { verified, missing: all - verified };
}
