// LIST (RFC 9051 section 6.3.9): with selection and return options (RFC 5258), children (RFC 3348 section 3), special use (RFC 6154) and STATUS (RFC 5819).
import type { MailboxStatus } from '#shared/mailstore/account-store.ts';
import { ok } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { listMatcher } from '../syntax/list-pattern.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { type ListArguments, readListArguments } from './list-arguments.ts';
import { mailboxPiece } from './mailbox-argument.ts';
import { type Entry, listedAmong, mailboxTree } from './mailbox-tree.ts';
import { noticeItems, tellStatus } from './status-items.ts';

export const list: Command<ListArguments> = {
  name: 'LIST',
  states: LOGGED_IN,
  parse: readListArguments,
  async run(session, args) {
    if (args.patterns.length === 0) {
      session.out.untagged('LIST (\\Noselect) "/" ""');
      return ok('Done');
    }
    const listing = await session.user.listing();
    const listed = await listedAmong(listing, listMatcher(args.patterns));
    const found = mailboxTree(listing, listed).filter((entry) => selected(entry, args) && listed(entry.name));
    const statuses = await statusOf(session, found, args);
    for (const entry of found) {
      tell(session, entry, args);
      const status = entry.info && statuses.get(entry.info.id);
      if (entry.info && status) await tellStatus(session, entry.info, status, args.status ?? []);
      await session.out.ready();
    }
    return ok('Done');
  },
};

function selected(entry: Entry, { select }: ListArguments): boolean {
  const { info, subscribed, hasChildren } = entry;
  if (childInfo(entry, select).length > 0) return true;
  if (select.has('SUBSCRIBED') && !subscribed) return false;
  if (select.has('SPECIAL-USE') && !info?.specialUse) return false;
  // Without options: mailboxes, and names that only hold others.
  return select.has('SUBSCRIBED') || info !== null || hasChildren;
}

/** RFC 5258 section 3.5: which selection a name below this one meets. */
function childInfo({ childSubscribed, childSpecial }: Entry, select: ListArguments['select']): readonly string[] {
  if (!select.has('RECURSIVEMATCH')) return [];
  const byName = { SUBSCRIBED: childSubscribed, 'SPECIAL-USE': childSpecial };
  return (['SUBSCRIBED', 'SPECIAL-USE'] as const).filter((option) => select.has(option) && byName[option]);
}

async function statusOf(session: Session, found: readonly Entry[], { status }: ListArguments): Promise<ReadonlyMap<number, MailboxStatus>> {
  if (status === null) return new Map();
  noticeItems(session, status);
  return session.user.status(found.flatMap(({ info }) => (info ? [info.id] : [])));
}

function tell(session: Session, entry: Entry, { select, returns, extended }: ListArguments): void {
  const subscribed = entry.subscribed && (select.has('SUBSCRIBED') || returns.has('SUBSCRIBED'));
  const attributes = [...attributesOf(entry, extended || session.features.rev2), ...(subscribed ? ['\\Subscribed'] : [])];
  const children = childInfo(entry, select);
  const info = children.length === 0 ? '' : ` ("CHILDINFO" (${children.map((option) => `"${option}"`).join(' ')}))`;
  session.out.untagged(`LIST (${attributes.join(' ')}) "/" `, mailboxPiece(entry.name, session), info);
}

/** RFC 9051 section 7.3.1. What we know costs nothing, so it is said whether or not it was asked for. */
function attributesOf({ info, hasChildren }: Entry, modern: boolean): readonly string[] {
  // Old clients know \Noselect; to others \NonExistent says as much (RFC 5258 section 3).
  const existence = info ? [] : ['\\NonExistent', ...(modern ? [] : ['\\Noselect'])];
  return [...existence, hasChildren ? '\\HasChildren' : '\\HasNoChildren', ...(info?.specialUse ? [info.specialUse] : [])];
}
