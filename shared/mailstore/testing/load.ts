// One process of the model test: random operations on mailboxes that other processes change too, each announced before and reported after,
// and an observer of each mailbox that follows changesSince and says when what it sees cannot be. Protocol: a line of JSON each.
import { newQueueId } from '#shared/spool/queue-id.ts';
import type { AccountStore } from '../account-store.ts';
import type { MailboxStore } from '../mailbox-store.ts';
import type { Mailstore } from '../mailstore.ts';
import { rangesOf } from '../uid-set.ts';
import { View } from './view.ts';

/** What a process tells of. `n` counts its operations. */
export type Report =
  | { readonly kind: 'begins'; readonly n: number; readonly mailbox: number; readonly uids: readonly number[] }
  | { readonly kind: 'ends'; readonly n: number }
  | { readonly kind: 'stored'; readonly mailbox: number; readonly uid: number; readonly token: string }
  | { readonly kind: 'copied'; readonly from: number; readonly to: number; readonly pairs: readonly (readonly [number, number])[] }
  | { readonly kind: 'removed'; readonly mailbox: number; readonly uids: readonly number[] }
  | { readonly kind: 'violation'; readonly what: string };

export interface Load {
  readonly store: Mailstore;
  readonly addresses: readonly string[];
  readonly random: () => number;
  readonly report: (report: Report) => void;
}

const MAILBOXES = ['INBOX', 'Sent', 'Trash'];
const FLAGS = ['\\Seen', '\\Flagged', '\\Deleted', 'work', 'later'];
/** Operations of a process at once. */
const AT_ONCE = 4;

interface Target {
  readonly account: AccountStore;
  readonly mailbox: MailboxStore;
  readonly name: string;
  readonly view: View;
}

/** Works until `until` (milliseconds since the epoch); resolves when all is reported. */
export async function work({ store, addresses, random, report }: Load, until: number): Promise<void> {
  const targets = await openTargets(store, addresses);
  let n = 0;
  const any = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const some = (target: Target): number[] => [...target.view.uids()].filter(() => random() < 0.2).slice(0, 20);
  const operations = [deliver, deliver, deliver, append, copy, move, flag, flag, expunge];

  async function worker(): Promise<void> {
    while (Date.now() < until) {
      const target = any(targets);
      const uids = some(target);
      const number = ++n;
      report({ kind: 'begins', n: number, mailbox: target.mailbox.id, uids });
      await any(operations)(target, uids);
      report({ kind: 'ends', n: number });
    }
  }
  async function observer(target: Target): Promise<void> {
    while (Date.now() < until) {
      const what = target.view.apply(await target.mailbox.changesSince(target.view.highestmodseq));
      if (what) report({ kind: 'violation', what: `${target.name}: ${what}` });
      await compare(target);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** The whole is what the changes made, when it stands at the same modseq; stored snapshots are written and read by it. */
  async function compare({ mailbox, name, view }: Target): Promise<void> {
    const snapshot = await mailbox.snapshot();
    const what = view.apply(await mailbox.changesSince(view.highestmodseq));
    const differing = view.highestmodseq === snapshot.highestmodseq ? view.differsFrom(snapshot) : [];
    for (const each of [...(what ? [what] : []), ...differing]) report({ kind: 'violation', what: `${name}: ${each}` });
  }

  async function deliver(): Promise<void> {
    const queueId = newQueueId(0, Date.now());
    const accounts = addresses.filter(() => random() < 0.6);
    const deliveries = accounts.map((account, recipient) => ({ queueId, recipient, account, mailbox: any(MAILBOXES), ownHeader: '', receivedAt: 1 }));
    // Told twice at once, as after a lease that ran out: one of them is the repeat.
    const times = random() < 0.2 ? 2 : 1;
    const all = await Promise.all(Array.from({ length: times }, () => store.deliver(Buffer.from(queueId), 0, deliveries)));
    for (const [index, delivery] of deliveries.entries()) {
      const results = all.flatMap((each) => (each[index]?.kind === 'stored' ? [each[index]] : []));
      if (results.filter(({ repeated }) => !repeated).length !== 1 || new Set(results.map(({ uid }) => uid)).size !== 1)
        report({ kind: 'violation', what: `a delivery was not filed once: ${JSON.stringify(results)}` });
      const target = targets.find(({ account, name }) => account.address === delivery.account && name === delivery.mailbox);
      report({ kind: 'stored', mailbox: target?.mailbox.id ?? 0, uid: results[0]?.uid ?? 0, token: queueId });
    }
  }
  async function append({ account, name }: Target): Promise<void> {
    const appending = await account.append(name);
    if (appending.kind === 'refused') throw new Error(appending.text);
    const tokens = Array.from({ length: 1 + Math.floor(random() * 3) }, () => newQueueId(0, Date.now()));
    for (const token of tokens) await appending.add(bytesOf(token), { flags: [any(FLAGS)] });
    const result = await appending.commit();
    if (result.kind === 'refused') throw new Error(result.text);
    for (const [index, uid] of result.uids.entries()) report({ kind: 'stored', mailbox: result.mailbox, uid, token: tokens[index] ?? '' });
  }
  async function transfer(target: Target, uids: readonly number[], kind: 'copy' | 'move'): Promise<void> {
    const goal = any(targets.filter(({ account }) => account === target.account));
    const result = await target.mailbox[kind](rangesOf(uids), goal.name);
    if (result.kind === 'refused') throw new Error(result.text);
    report({
      kind: 'copied',
      from: target.mailbox.id,
      to: goal.mailbox.id,
      pairs: Array.from(result.from, (uid, index) => [uid, result.to[index] ?? 0] as const),
    });
    if (kind === 'move') report({ kind: 'removed', mailbox: target.mailbox.id, uids: [...result.from] });
  }
  async function copy(target: Target, uids: readonly number[]): Promise<void> {
    await transfer(target, uids, 'copy');
  }
  async function move(target: Target, uids: readonly number[]): Promise<void> {
    await transfer(target, uids, 'move');
  }
  async function flag(target: Target, uids: readonly number[]): Promise<void> {
    const result = await target.mailbox.storeFlags(rangesOf(uids), any(['add', 'remove', 'replace']), [any(FLAGS)]);
    if (result.kind === 'refused') throw new Error(result.text);
  }
  async function expunge(target: Target, uids: readonly number[]): Promise<void> {
    const { uids: gone } = await target.mailbox.expunge(rangesOf(uids), any(['all', 'deleted']));
    report({ kind: 'removed', mailbox: target.mailbox.id, uids: [...gone] });
  }

  await Promise.all([...Array.from({ length: AT_ONCE }, worker), ...targets.map(observer)]);
}

async function openTargets(store: Mailstore, addresses: readonly string[]): Promise<readonly Target[]> {
  const targets: Target[] = [];
  for (const address of addresses) {
    const account = await store.account(address);
    if (!account) throw new Error(`no account ${address}`);
    for (const name of MAILBOXES) {
      const mailbox = account.open((await account.find(name))?.id ?? 0);
      targets.push({ account, mailbox, name, view: new View(await mailbox.snapshot()) });
    }
  }
  return targets;
}

async function* bytesOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}
