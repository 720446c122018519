import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { watchLoop } from '#shared/mail/mime/testing/loop-watch.ts';
import type { ThreadRow } from '#shared/mailstore/mailbox-store.ts';
import { Pace } from '../fetch/pace.ts';
import { formatThreads, type Thread, threadByReferences } from './thread-by-references.ts';

function row(uid: number, messageId: string | null, references: readonly string[] = [], subject = '', isReply = false): ThreadRow {
  return { uid, sentAt: uid * 1000, messageId, references, subject, isReply };
}

async function threaded(...rows: readonly ThreadRow[]): Promise<string> {
  return formatThreads(await threadByReferences(rows, new Pace()), (uid) => uid);
}

describe('references', () => {
  test('a chain, a branch, and a message of its own', async () => {
    expect(await threaded(row(1, 'a'), row(2, 'b', ['a']), row(3, 'c', ['a', 'b']), row(4, 'd', ['a']), row(5, 'e'))).toBe('(1 (2 3)(4))(5)');
  });

  test('a message that is not here holds its answers together (RFC 5256 section 4)', async () => {
    expect(await threaded(row(1, 'x', ['gone']), row(2, 'y', ['gone']))).toBe('((1)(2))');
    expect(await threaded(row(1, 'x', ['gone']))).toBe('(1)');
    expect(await threaded(row(1, 'a'), row(2, 'b', ['a', 'gone', 'away']), row(3, 'c', ['a', 'gone', 'away']))).toBe('(1 (2)(3))');
  });

  test('threads and siblings are by date, whatever the order in the mailbox', async () => {
    const late = { ...row(1, 'a'), sentAt: 9000 };
    expect(await threaded(late, row(2, 'b'), { ...row(3, 'c', ['b']), sentAt: 9000 }, row(4, 'd', ['b']))).toBe('(2 (4)(3))(1)');
  });

  test('loops, doubles and ids that name themselves do no harm', async () => {
    expect(await threaded(row(1, 'a', ['b']), row(2, 'b', ['a']))).toBe('(2 1)');
    expect(await threaded(row(1, 'a', ['a']))).toBe('(1)');
    expect(await threaded(row(1, 'a'), row(2, 'a'), row(3, 'b', ['a']))).toBe('(1 3)(2)');
    expect(await threaded(row(1, null, ['a', 'b', 'a']), row(2, null))).toBe('(1)(2)');
    expect(await threaded(row(1, 'a'), row(2, 'b', ['a', 'c']), row(3, 'c', ['b']))).toBe('(1)(3 2)');
  });

  test('what others say of a parent counts when the message itself says nothing', async () => {
    expect(await threaded(row(1, 'a'), row(2, 'b'), row(3, 'c', ['a', 'b']))).toBe('(1 2 3)');
  });
});

describe('subjects', () => {
  test('an answer joins the thread of its subject, two beginnings are siblings', async () => {
    expect(await threaded(row(1, 'a', [], 'hi'), row(2, 'b', [], 'hi', true), row(3, 'c', [], 'hi', true))).toBe('(1 (2)(3))');
    expect(await threaded(row(1, 'a', [], 'hi', true), row(2, 'b', [], 'hi'))).toBe('(2 1)');
    expect(await threaded(row(1, 'a', [], 'hi'), row(2, 'b', [], 'hi'))).toBe('((1)(2))');
    expect(await threaded(row(1, 'a', [], 'hi'), row(2, 'b', [], 'hi'), row(3, 'c', [], 'hi'))).toBe('((1)(2)(3))');
    expect(await threaded(row(1, 'a', [], 'hi', true), row(2, 'b', [], 'hi'), row(3, 'c', [], 'hi'))).toBe('((2 1)(3))');
  });

  test('threads without a head join too', async () => {
    const headless = [row(1, 'a', ['x'], 'hi', true), row(2, 'b', ['x'], 'hi', true)];
    expect(await threaded(...headless, row(3, 'c', [], 'hi'))).toBe('((1)(2)(3))');
    expect(await threaded(...headless, row(3, 'c', ['y'], 'hi', true), row(4, 'd', ['y'], 'hi', true))).toBe('((1)(2)(3)(4))');
  });

  test('no subject joins nothing', async () => {
    expect(await threaded(row(1, 'a'), row(2, 'b', [], '', true))).toBe('(1)(2)');
  });
});

function uids(threads: readonly Thread[]): number[] {
  return threads.flatMap(({ uid, children }) => [...(uid === null ? [] : [uid]), ...uids(children)]);
}

test('every message is in exactly one place, and only tops are without one', async () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g');
  const rows = fc.array(
    fc.record({
      messageId: fc.option(ids),
      references: fc.array(ids, { maxLength: 5 }),
      subject: fc.constantFrom('', 's', 't'),
      isReply: fc.boolean(),
      sentAt: fc.nat({ max: 5 }),
    }),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(rows, async (made) => {
      const numbered = made.map((each, index) => ({ ...each, uid: index + 1 }));
      const threads = await threadByReferences(numbered, new Pace());
      expect(uids(threads).toSorted((a, b) => a - b)).toEqual(numbered.map(({ uid }) => uid));
      for (const { uid, children } of threads) if (uid === null) expect(children.length).toBeGreaterThan(1);
      expect(threads.flatMap(({ children }) => children).every(({ uid }) => uid !== null)).toBe(true);
      const text = formatThreads(threads, (uid) => uid);
      expect(text.match(/\d+/g) ?? []).toHaveLength(numbered.length);
      expect(text).toMatch(/^[\d() ]*$/);
    }),
    { numRuns: 2000 },
  );
});

test('where every parent is here and comes first, a message stands under its last reference', async () => {
  const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(parents, async (choices) => {
      const chains: string[][] = [];
      const rows = choices.map((choice, index) => {
        const parent = index === 0 ? -1 : (choice % (index + 1)) - 1;
        const references = parent < 0 ? [] : [...(chains[parent] ?? []), `m${parent}`];
        chains.push(references);
        return row(index + 1, `m${index}`, references);
      });
      const threads = await threadByReferences(rows, new Pace());
      const found = new Map<number, number>();
      const walk = (thread: Thread): void => {
        for (const child of thread.children) {
          found.set(child.uid ?? 0, thread.uid ?? 0);
          walk(child);
        }
      };
      threads.forEach(walk);
      for (const { uid, references } of rows) expect(found.get(uid)).toBe(references.length === 0 ? undefined : Number(references.at(-1)?.slice(1)) + 1);
    }),
    { numRuns: 200 },
  );
});

test('a hundred thousand messages, in one chain or under parents that are not here, in time and in turns', async () => {
  const count = 100_000;
  const chain = Array.from({ length: count }, (_, index) => row(index + 1, `m${index}`, index > 0 ? [`m${index - 1}`] : []));
  const headless = Array.from({ length: count }, (_, index) =>
    row(
      index + 1,
      `m${index}`,
      Array.from({ length: 5 }, (_, back) => `gone${Math.floor(index / 2) + back}`),
    ),
  );
  for (const rows of [chain.toReversed(), headless]) {
    using loop = watchLoop();
    const text = formatThreads(await threadByReferences(rows, new Pace()), (uid) => uid);
    expect(text.match(/\d+/g)).toHaveLength(count);
    expect(loop.worst).toBeLessThan(200);
  }
}, 30_000);
