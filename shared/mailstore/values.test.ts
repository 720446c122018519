// Pure values of the mail store: UID sets, columns, folded texts, flags, names.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { changedKeywords, parseFlags } from './flag-code.ts';
import { acceptableName, mailboxName } from './mailbox-names.ts';
import { mergedColumns } from './merged-columns.ts';
import { firstPlaces, readColumns, readNumbers } from './message-columns.ts';
import { packColumns, unpackColumns } from './packed-columns.ts';
import { fold, gatherTrigrams, trigramsOf } from './text-folding.ts';
import { gapsBetween, mergedRanges, piecesOf, rangesOf, type UidSet } from './uid-set.ts';

const uids = fc.uniqueArray(fc.integer({ min: 1, max: 60 })).map((all) => all.sort((a, b) => a - b));
const members = (set: UidSet): number[] => set.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));

test('ranges hold exactly their UIDs, merged, in pieces, and what is between them', () => {
  fc.assert(
    fc.property(uids, uids, fc.integer({ min: 1, max: 20 }), (some, more, width) => {
      expect(members(rangesOf(some))).toEqual(some);
      expect(
        members(gapsBetween(some, 60))
          .concat(some)
          .sort((a, b) => a - b),
      ).toEqual(members([[1, 60]]));
      expect(members(mergedRanges([...rangesOf(some), ...rangesOf(more)]))).toEqual([...new Set([...some, ...more])].sort((a, b) => a - b));
      expect(mergedRanges(rangesOf(some))).toEqual(rangesOf(some));
      expect([...piecesOf(rangesOf(some), width)].flat()).toEqual(rangesOf(some));
    }),
  );
});

test('joined columns come back in UID order, each value with its UID', () => {
  const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 4_294_967_295 }), fc.maxSafeNat(), fc.nat()), { selector: ([uid]) => uid });
  fc.assert(
    fc.property(rows, (given) => {
      const column = (index: 0 | 1 | 2) => (given.length === 0 ? null : given.map((row) => row[index]).join(','));
      const { uids: read, modseqs, flags } = readColumns({ uids: column(0), modseqs: column(1), flags: column(2) });
      const sorted = [...given].sort((a, b) => a[0] - b[0]);
      expect([...read].map((uid, index) => [uid, modseqs[index], flags[index]])).toEqual(sorted);
    }),
  );
  expect(readNumbers(null)).toHaveLength(0);
});

const number = fc.oneof(fc.nat(40), fc.nat(0xffff), fc.nat(0xffff_ffff), fc.maxSafeNat());
const columnsOf = (rows: Iterable<readonly [uid: number, modseq: number, flags: number]>) => {
  const sorted = [...rows].sort((a, b) => a[0] - b[0]);
  const column = (at: 1 | 2) => Float64Array.from(sorted, (row) => row[at]);
  return { uids: Uint32Array.from(sorted, ([uid]) => uid), modseqs: column(1), flags: column(2) };
};

test('packed columns are read back as they were, and not at all when an octet is another or missing', () => {
  const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 4_294_967_295 }), number, number), { selector: ([uid]) => uid });
  fc.assert(
    fc.property(rows, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(9), (given, place, other, shift) => {
      const columns = columnsOf(given);
      const packed = packColumns(columns);
      const elsewhere = Buffer.concat([Buffer.alloc(shift), packed]).subarray(shift);
      const { uids, modseqs, flags, count, codes } = unpackColumns(elsewhere) ?? expect.unreachable();
      expect({ uids, modseqs, flags }).toEqual(columns);
      expect([count, codes]).toEqual([given.length, firstPlaces(columns.flags, columns.flags)]);
      expect(unpackColumns(packed.subarray(0, place % packed.length))).toBeNull();
      expect(unpackColumns(Buffer.concat([packed, Buffer.alloc(1 + shift)]))).toBeNull();
      const spoilt = Uint8Array.from(packed);
      spoilt[place % packed.length] = (packed[place % packed.length] as number) ^ other;
      expect(unpackColumns(spoilt)).toBeNull();
    }),
  );
});

test('columns of runs are read back as they were, from fewer octets than messages', () => {
  const run = fc.tuple(fc.integer({ min: 100, max: 200 }), fc.integer({ min: 1000, max: 2 ** 52 }), fc.integer({ min: -5, max: 5 }));
  fc.assert(
    fc.property(fc.array(run, { minLength: 1, maxLength: 9 }), (runs) => {
      const modseqs = Float64Array.from(runs.flatMap(([length, first, step]) => Array.from({ length }, (_, index) => first + step * index)));
      const columns = { uids: Uint32Array.from(modseqs.keys(), (index) => index + 1), modseqs, flags: new Float64Array(modseqs.length) };
      const packed = packColumns(columns);
      expect(packed.length).toBeLessThan(modseqs.length + 100);
      const { uids, modseqs: read, flags } = unpackColumns(packed) ?? expect.unreachable();
      expect({ uids, modseqs: read, flags }).toEqual(columns);
    }),
  );
});

test('columns and what changed since are what is there now; changes of what was never there are of other columns', () => {
  const some = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(9), fc.nat(9)), { selector: ([uid]) => uid });
  fc.assert(
    fc.property(some, some, uids, (before, given, gone) => {
      const last = Math.max(0, ...before.map(([uid]) => uid));
      const now = new Map(before.map((row) => [row[0], row]));
      const changes = given.filter(([uid]) => !gone.includes(uid) && (uid > last || now.has(uid)));
      for (const uid of gone) now.delete(uid);
      for (const row of changes) now.set(row[0], row);
      const vanished = rangesOf(gone);
      expect(mergedColumns(columnsOf(before), { changed: columnsOf(changes), vanished })).toEqual(columnsOf(now.values()));
      if (changes.length < given.filter(([uid]) => !gone.includes(uid)).length)
        expect(mergedColumns(columnsOf(before), { changed: columnsOf(given), vanished })).toBeNull();
    }),
  );
});

test('the values of a column are told once each, with their first place', () => {
  const places = (column: readonly number[]) => new Map(column.map((value) => [value, column.indexOf(value)]));
  const column = fc.array(fc.nat(5));
  fc.assert(fc.property(column, column, (here, others) => void expect(firstPlaces(Float64Array.from(here), [...here, ...others])).toEqual(places(here))));
});

test('folded texts are compared without case, width and line breaks, and can be stored anywhere', () => {
  expect(fold('Straße\r\n\tＡＢＣ  x')).toBe('straße abc x');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (before, text, after) => {
      const folded = fold(`${before} ${text} ${after}`);
      expect(folded.isWellFormed() && !/[\0A-Z]/.test(folded)).toBe(true);
      const found = new Set(trigramsOf(folded));
      for (const trigram of trigramsOf(fold(folded))) expect(found.has(trigram)).toBe(true);
    }),
  );
  expect(trigramsOf('a😀bc')).toEqual(['a😀b', '😀bc']);
});

test('trigrams of a long text are the same, taken in turns, and no more than are wanted', async () => {
  const text = Array.from({ length: 30_000 }, (_, index) => String.fromCodePoint(97 + (index % 7), 0x1f600 + (index % 50))).join('');
  expect([...(await gatherTrigrams(text, 1000))]).toEqual(trigramsOf(text));
  const words = Array.from({ length: 30_000 }, (_, index) => ((index * 2_654_435_761) % 2 ** 32).toString(36)).join('\n');
  const some = (await gatherTrigrams(words, 1000)).size;
  expect(some).toBeGreaterThan(1000);
  expect(some).toBeLessThan(trigramsOf(words).length);
});

test('flags are system bits and keywords; what is no flag is refused', () => {
  expect(parseFlags(['\\SEEN', '\\deleted', '\\Recent', 'A', 'a'])).toEqual({ bits: 12, keywords: ['a'] });
  for (const bad of ['', 'a b', '\\Unknown', 'a"', 'ü', 'a\0', '(']) expect(parseFlags([bad])).toMatchObject({ code: 'CANNOT' });
  expect(parseFlags(Array.from({ length: 101 }, (_, index) => `k${index}`))).toMatchObject({ code: 'LIMIT' });
  expect(changedKeywords(['A', 'b'], 'add', ['a', 'c'])).toEqual(['A', 'b', 'c']);
  expect(changedKeywords(['A', 'b'], 'remove', ['a', 'c'])).toEqual(['b']);
});

test('names are in one form, INBOX in any case', () => {
  expect(mailboxName('iNbOx')).toBe('INBOX');
  expect(mailboxName('inbox/Sub')).toBe('INBOX/Sub');
  expect(mailboxName('u\u0308')).toBe('ü');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (given) => {
      const name = acceptableName(given);
      if (typeof name === 'string') expect(acceptableName(name)).toBe(name);
    }),
  );
});
