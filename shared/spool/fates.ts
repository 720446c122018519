// Settlements as lua/settle.lua takes them: recipients with one fate together, and the wake-ups that follow from it. Pure.
import type { Argument, PoolWake } from '#shared/actor/transaction-batch.ts';
import { encodeKept, keptOf } from './codec.ts';
import { groupBy } from './parts.ts';
import type { MessageView, Settlement } from './spool.ts';
import { isPool, owesWarning, whatNext } from './transitions.ts';
import { encodeRanges, encodeWork } from './work.ts';

export interface Fates {
  readonly args: readonly Argument[];
  readonly wakes: readonly PoolWake[];
}

/** Settlements must ascend by number. Throws for one whose recipient is not in the view. */
export function fatesOf(view: MessageView, settlements: readonly Settlement[], now: number): Fates {
  const stored = new Map(view.recipients.map((each) => [each.number, each]));
  const warned = new Set(numbersOf(settlements.filter((each) => owesWarning(each, stored.get(each.number)))));
  const warning = warned.size > 0 ? encodeWork({ id: view.id, recipients: [...warned], warning: true }) : '';
  const kept = ({ number, outcome }: Settlement) => {
    const recipient = stored.get(number);
    if (!recipient) throw new Error(`recipient ${number} of ${view.id} was not read`);
    return keptOf(recipient, { last: outcome, lastAttemptAt: now, ...(warned.has(number) && { warnedAt: now }) });
  };
  const args: Argument[] = [];
  const wakes: PoolWake[] = warning ? [{ role: 'bounce', entry: warning, at: now }] : [];
  const moves = settlements.map((settlement) => ({ settlement, ...whatNext(settlement, view.mailbox, now) }));
  for (const together of groupBy(moves, ({ state, due, mailbox }) => `${state} ${due} ${mailbox}`)) {
    const { state, mailbox, due } = together[0] as (typeof moves)[number];
    const group = together.map(({ settlement }) => settlement);
    const entry = encodeWork({ id: view.id, recipients: numbersOf(group) });
    if (state !== 'd' && isPool(mailbox)) wakes.push({ role: mailbox, entry, at: due });
    for (const same of groupBy(group, ({ number, attempt }) => `${attempt} ${warned.has(number)}`)) {
      const { number, attempt } = same[0] as Settlement;
      args.push(encodeRanges(numbersOf(same)), attempt, state, mailbox, entry, due, encodeKept(same.map(kept)), warned.has(number) ? warning : '');
    }
  }
  return { args, wakes };
}

export function numbersOf(settlements: readonly Settlement[]): readonly number[] {
  return settlements.map(({ number }) => number);
}
