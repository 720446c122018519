// The items of STATUS (RFC 9051 section 6.3.11; SIZE for IMAP4rev1: RFC 8438 section 2), which LIST may return too (RFC 5819).
import type { MailboxInfo, MailboxStatus } from '#shared/mailstore/account-store.ts';
import { rangesOf } from '#shared/mailstore/uid-set.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { mailboxPiece } from './mailbox-argument.ts';

interface Facts {
  readonly info: MailboxInfo;
  readonly status: MailboxStatus;
  readonly session: Session;
  /** Octets of messages with \Deleted; 0 unless asked for. */
  readonly deletedSize: number;
}

const ITEMS: Readonly<Record<string, (facts: Facts) => number | string>> = {
  MESSAGES: ({ status }) => status.messages,
  RECENT: ({ status }) => status.recent,
  UIDNEXT: ({ status }) => status.uidnext,
  UIDVALIDITY: ({ status }) => status.uidvalidity,
  UNSEEN: ({ status }) => status.unseen,
  DELETED: ({ status }) => status.deleted,
  // RFC 9208 section 4.1.4.
  'DELETED-STORAGE': ({ deletedSize }) => deletedSize,
  SIZE: ({ status }) => status.size,
  HIGHESTMODSEQ: ({ status }) => status.highestmodseq,
  // RFC 8474 section 4.3.
  MAILBOXID: ({ info }) => `(${info.objectId})`,
  // RFC 7889 section 3.
  APPENDLIMIT: ({ session }) => session.server.appendLimit,
};

/** Reads `(MESSAGES UIDNEXT)`: names of items, each once. */
export function readStatusItems(args: ArgumentReader): readonly string[] {
  const names = args.list(() => args.keyword());
  if (names.some((name) => !(name in ITEMS))) throw new BadSyntax('Unknown item of STATUS');
  return [...new Set(names)];
}

/** To be called before the items are read from the store. RFC 7162 section 3.1.2: who asks for HIGHESTMODSEQ enables CONDSTORE. */
export function noticeItems({ features }: Session, items: readonly string[]): void {
  if (items.includes('HIGHESTMODSEQ')) features.enable('CONDSTORE');
}

/** One STATUS response. */
export async function tellStatus(session: Session, info: MailboxInfo, status: MailboxStatus, items: readonly string[]): Promise<void> {
  const deletedSize = items.includes('DELETED-STORAGE') && status.deleted > 0 ? await sizeOfDeleted(session, info) : 0;
  const values = items.map((item) => `${item} ${ITEMS[item]?.({ info, status, session, deletedSize }) ?? 0}`);
  session.out.untagged('STATUS ', mailboxPiece(info.name, session), ` (${values.join(' ')})`);
}

/** Nobody keeps this sum: it is asked for seldom, and few messages are in it. */
async function sizeOfDeleted({ user }: Session, { id }: MailboxInfo): Promise<number> {
  const mailbox = user.open(id);
  const { uids } = await mailbox.search({ kind: 'flag', flag: '\\Deleted' });
  let sum = 0;
  for await (const batch of mailbox.messages(rangesOf(uids))) sum += batch.reduce((total, { size }) => total + size, 0);
  return sum;
}
