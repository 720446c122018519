// Finds messages for SEARCH: from the session's memory when flags and numbers are all that is asked, else from the store. Gives only messages
// that the client knows.
import { type AccountStore, SYSTEM_FLAGS } from '#shared/mailstore/account-store.ts';
import type { Found } from '#shared/mailstore/mailbox-store.ts';
import type { SearchCriterion } from '#shared/mailstore/search-criteria.ts';
import { Pace } from '../fetch/pace.ts';
import type { FlagsChange } from '../mailbox/moment.ts';
import type { SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';

type Test = (message: FlagsChange) => boolean;

/** Ascending by UID. */
export async function findMessages({ mailbox, user }: Session, criterion: SearchCriterion): Promise<Found> {
  const test = columnTest(criterion, user);
  return test ? findInColumns(mailbox, test) : known(mailbox, await mailbox.store.search(criterion));
}

/** What the client knows of what was found, in the same order. */
export function known(mailbox: SelectedMailbox, found: Found): Found {
  const uids = found.uids.filter((uid) => mailbox.sequenceNumber(uid) > 0);
  if (uids.length === found.uids.length) return found;
  return { uids, highestmodseq: uids.reduce((highest, uid) => Math.max(highest, mailbox.view.columns.get(uid)?.modseq ?? 0), 0) };
}

async function findInColumns(mailbox: SelectedMailbox, test: Test): Promise<Found> {
  const pace = new Pace();
  const uids: number[] = [];
  let highestmodseq = 0;
  const last = mailbox.uids.at(-1);
  // All at once: the columns may change while the loop turns.
  const messages = last === undefined ? [] : [...mailbox.view.columns.among([[1, last]])];
  for (const message of messages) {
    if (pace.due) await pace.turn();
    if (!test(message)) continue;
    uids.push(message.uid);
    highestmodseq = Math.max(highestmodseq, message.modseq);
  }
  return known(mailbox, { uids: Uint32Array.from(uids), highestmodseq });
}

/** The criterion as a test of what is in memory; null when it asks for more. */
export function columnTest(criterion: SearchCriterion, account: Pick<AccountStore, 'flagNames'>): Test | null {
  switch (criterion.kind) {
    case 'all':
      return () => true;
    case 'flag':
      return flagTest(criterion.flag, account);
    case 'modseq':
      return ({ modseq }) => modseq >= criterion.from;
    case 'uids': {
      const { uids } = criterion;
      return ({ uid }) => contains(uids, uid);
    }
    case 'not': {
      const test = columnTest(criterion.of, account);
      return test && ((message) => !test(message));
    }
    case 'and':
    case 'or': {
      const tests = criterion.of.map((one) => columnTest(one, account));
      if (!tests.every((test) => test !== null)) return null;
      return criterion.kind === 'and' ? (message) => tests.every((test) => test(message)) : (message) => tests.some((test) => test(message));
    }
    default:
      return null;
  }
}

function flagTest(name: string, account: Pick<AccountStore, 'flagNames'>): Test {
  const wanted = name.toLowerCase();
  const system = Object.entries(SYSTEM_FLAGS).find(([flag]) => flag.toLowerCase() === wanted);
  if (system) return ({ flags }) => (flags & system[1]) !== 0;
  const verdicts = new Map<number, boolean>();
  return ({ flags }) => {
    const verdict = verdicts.get(flags) ?? account.flagNames(flags).some((flag) => flag.toLowerCase() === wanted);
    verdicts.set(flags, verdict);
    return verdict;
  };
}

/** Whether an ascending set has this UID. */
function contains(set: readonly (readonly [number, number])[], uid: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const [first, last] = set[middle] as readonly [number, number];
    if (uid < first) high = middle - 1;
    else if (uid > last) low = middle + 1;
    else return true;
  }
  return false;
}
