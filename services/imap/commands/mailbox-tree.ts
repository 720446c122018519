// The mailboxes of an account as LIST sees them: with the parents that exist for their children's sake only, and the names that are only
// subscribed. Pure, but for the pauses.
import { type Listing, type MailboxInfo, SEPARATOR } from '#shared/mailstore/account-store.ts';
import { Pace } from '../fetch/pace.ts';

export interface Entry {
  readonly name: string;
  /** Null for a name without a mailbox. */
  readonly info: MailboxInfo | null;
  readonly subscribed: boolean;
  /** There is a mailbox below it. */
  readonly hasChildren: boolean;
  /** A name below it is subscribed, or has a special use, and is not listed itself. */
  readonly childSubscribed: boolean;
  readonly childSpecial: boolean;
}

/** Whether the patterns match a name of these, found with pauses: names are up to 20,000, and patterns may be long. */
export async function listedAmong({ mailboxes, subscriptions }: Listing, matches: (name: string) => boolean): Promise<(name: string) => boolean> {
  const names = new Set([...mailboxes.map(({ name }) => name), ...subscriptions]);
  const listed = new Set<string>();
  const pace = new Pace();
  for (const name of [...names, ...above(names)]) {
    if (matches(name)) listed.add(name);
    if (pace.due) await pace.turn();
  }
  return (name) => listed.has(name);
}

/** By name, INBOX first. `listed`: names that the patterns match. */
export function mailboxTree({ mailboxes, subscriptions }: Listing, listed: (name: string) => boolean): readonly Entry[] {
  const infos = new Map(mailboxes.map((info) => [info.name, info]));
  const parents = above(infos.keys());
  const parentsOfSubscribed = above([...subscriptions].filter((name) => !listed(name)));
  const parentsOfSpecial = above(mailboxes.filter(({ name, specialUse }) => specialUse !== null && !listed(name)).map(({ name }) => name));
  const names = new Set([...infos.keys(), ...parents, ...subscriptions, ...parentsOfSubscribed]);
  return [...names].toSorted(inboxFirst).map((name) => ({
    name,
    info: infos.get(name) ?? null,
    subscribed: subscriptions.has(name),
    hasChildren: parents.has(name),
    childSubscribed: parentsOfSubscribed.has(name),
    childSpecial: parentsOfSpecial.has(name),
  }));
}

/** All names that have one of these below them. */
function above(names: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const name of names) {
    for (let at = name.lastIndexOf(SEPARATOR); at > 0; at = name.lastIndexOf(SEPARATOR, at - 1)) found.add(name.slice(0, at));
  }
  return found;
}

function inboxFirst(a: string, b: string): number {
  if (a === b) return 0;
  if (a === 'INBOX' || b === 'INBOX') return a === 'INBOX' ? -1 : 1;
  return a < b ? -1 : 1;
}
