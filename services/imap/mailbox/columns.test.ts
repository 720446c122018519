// A mailbox's present and history against a plain list of messages.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { place, placeFrom } from '#shared/mailstore/column-place.ts';
import type { MessageColumns } from '#shared/mailstore/mailbox-store.ts';
import { ReadColumns } from '#shared/mailstore/message-columns.ts';
import { rangesOf } from '#shared/mailstore/uid-set.ts';
import { Columns } from './columns.ts';

interface Message {
  readonly uid: number;
  flags: number;
  modseq: number;
}

const columnsOf = (messages: readonly Message[]): MessageColumns => ({
  uids: Uint32Array.from(messages, ({ uid }) => uid),
  modseqs: Float64Array.from(messages, ({ modseq }) => modseq),
  flags: Float64Array.from(messages, ({ flags }) => flags),
});

const step = fc.record({
  arrive: fc.integer({ min: 0, max: 4 }),
  change: fc.array(fc.nat(30), { maxLength: 4 }),
  expunge: fc.array(fc.nat(30), { maxLength: 4 }),
});

test('after any changes the columns are what a list would be, and no moment before has moved', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      let messages: Message[] = [{ uid: 1, flags: 0, modseq: 1 }];
      const columns = new Columns(new ReadColumns(columnsOf(messages)));
      const history: { seen: Uint32Array; were: number[] }[] = [];
      let uid = 1;
      let modseq = 1;
      for (const { arrive, change, expunge } of steps) {
        history.push({ seen: columns.uids, were: messages.map((message) => message.uid) });
        modseq++;
        const gone = new Set(expunge.map((at) => messages[at % Math.max(1, messages.length)]?.uid ?? 0));
        messages = messages.filter((message) => !gone.has(message.uid));
        const touched = new Set(change.map((at) => messages[at % Math.max(1, messages.length)]));
        for (const message of touched) if (message) Object.assign(message, { flags: message.flags + 1, modseq });
        for (let i = 0; i < arrive; i++) messages.push({ uid: ++uid, flags: 0, modseq });
        const changed = columnsOf(messages.filter((message) => message.modseq === modseq));
        const known = columns.apply({ changed, vanished: rangesOf([...gone].filter((one) => one > 0).toSorted((a, b) => a - b)) });
        expect([...columns.among([[1, 0xffff_ffff]])]).toEqual(messages);
        expect(known.changed.map((one) => one.uid)).toEqual([...touched].flatMap((one) => (one ? [one.uid] : [])).toSorted((a, b) => a - b));
        expect(columns.firstWithout(1)).toBe(messages.findIndex(({ flags }) => flags % 2 === 0));
        expect(new Set(known.vanished)).toEqual(new Set([...gone].filter((one) => one > 0)));
      }
      for (const { seen, were } of history) expect([...seen]).toEqual(were);
    }),
  );
});

test('places in a column', () => {
  const column = Uint32Array.of(2, 5, 9);
  expect([2, 5, 9, 1, 3, 10].map((number) => place(column, number))).toEqual([0, 1, 2, -1, -2, -4]);
  expect([0, 2, 3, 9, 10].map((number) => placeFrom(column, number))).toEqual([0, 0, 1, 2, 3]);
});
