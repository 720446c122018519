// The sets of keywords that one account's messages have, each stored once and known by number: a flag code names its set. A set never
// changes, so what is known stays true. Owned by an account's session; fails as the database does.
import { type Kysely, sql, type Transaction } from 'kysely';
import type { FlagCode } from './account-store.ts';
import { bitsOf, changedBits, changedKeywords, codeOf, type Flags, sameKeyword, setOf, systemFlags, tooMany } from './flag-code.ts';
import type { FlagChange } from './mailbox-store.ts';
import type { Refusal } from './refusal.ts';
import type { MailstoreTables } from './schema.ts';

/** Sets of one account: each is one combination, and few people use more than some dozens. */
const MAX_SETS = 10_000;

export interface KeywordSets {
  /** The flags of a code whose set is known: always the same array. */
  names(code: FlagCode): readonly string[];
  /** The keywords of these codes, each once. */
  keywordsOf(codes: Iterable<FlagCode>): readonly string[];
  /** Learns the sets of these codes. */
  load(db: Kysely<MailstoreTables>, codes: Iterable<FlagCode>): Promise<void>;
  /** What each of these codes becomes; makes the sets that are new, which others know once `transaction` is committed: then call `remember`. */
  change(transaction: Transaction<MailstoreTables>, codes: Iterable<FlagCode>, change: FlagChange, flags: Flags): Promise<ChangedCodes | Refusal>;
  remember(sets: ReadonlyMap<number, readonly string[]>): void;
}

export interface ChangedCodes {
  readonly kind: 'changed';
  readonly codes: ReadonlyMap<FlagCode, FlagCode>;
  readonly made: ReadonlyMap<number, readonly string[]>;
}

export function createKeywordSets(account: number): KeywordSets {
  const known = new Map<number, readonly string[]>([[0, []]]);
  const named = new Map<FlagCode, readonly string[]>();

  const keywords = (code: FlagCode): readonly string[] => {
    const found = known.get(setOf(code));
    if (!found) throw new Error(`keyword set ${setOf(code)} of account ${account} is not known`);
    return found;
  };
  const unknownAmong = (codes: Iterable<FlagCode>): boolean => {
    for (const code of codes) if (code >= codeOf(0, 1) && !known.has(setOf(code))) return true;
    return false;
  };
  async function load(db: Kysely<MailstoreTables>, codes: Iterable<FlagCode>): Promise<void> {
    if (!unknownAmong(codes)) return;
    const rows = await db.selectFrom('keyword_sets').select(['id', 'keywords']).where('account_id', '=', account).execute();
    for (const row of rows) if (!known.has(row.id)) known.set(row.id, row.keywords.trim().split(' '));
  }

  return {
    names(code) {
      const before = named.get(code);
      if (before) return before;
      const names = [...systemFlags(bitsOf(code)), ...keywords(code)];
      named.set(code, names);
      return names;
    },
    keywordsOf: (codes) => [
      ...new Map(
        Array.from(new Set(Array.from(codes, setOf)), (set) => keywords(codeOf(0, set)))
          .flat()
          .map((one) => [sameKeyword(one), one]),
      ).values(),
    ],
    load,
    async change(transaction, codes, change, flags) {
      const distinct = [...new Set(codes)];
      await load(transaction, distinct);
      const changed = new Map<FlagCode, FlagCode>();
      const made = new Map<number, readonly string[]>();
      const sets = new Map<number, number>();
      for (const code of distinct) {
        const from = setOf(code);
        if (!sets.has(from)) {
          const wanted = changedKeywords(keywords(code), change, flags.keywords);
          const set = tooMany(wanted) ?? (await setWith(transaction, account, wanted, known));
          if (typeof set !== 'number') return set;
          if (!known.has(set)) made.set(set, await spelled(transaction, set));
          sets.set(from, set);
        }
        changed.set(code, codeOf(changedBits(bitsOf(code), change, flags.bits), sets.get(from) ?? 0));
      }
      return { kind: 'changed', codes: changed, made };
    },
    remember(sets) {
      for (const [set, its] of sets) known.set(set, its);
    },
  };
}

/** The set with these keywords, made when there is none. */
async function setWith(
  db: Transaction<MailstoreTables>,
  account: number,
  keywords: readonly string[],
  known: ReadonlyMap<number, readonly string[]>,
): Promise<number | Refusal> {
  if (keywords.length === 0) return 0;
  const spelling = new Map([...known.values()].flat().map((keyword) => [sameKeyword(keyword), keyword]));
  const text = ` ${keywords
    .map((keyword) => spelling.get(sameKeyword(keyword)) ?? keyword)
    .sort()
    .join(' ')} `;
  const find = () => db.selectFrom('keyword_sets').select('id').where('account_id', '=', account).where('keywords', '=', text).executeTakeFirst();
  const found = await find();
  if (found) return found.id;
  const { count } = await db.selectFrom('keyword_sets').select(sql<number>`count(*)`.as('count')).where('account_id', '=', account).executeTakeFirstOrThrow();
  if (count >= MAX_SETS) return { kind: 'refused', code: 'LIMIT', text: 'too many combinations of keywords' };
  const inserted = await db
    .insertInto('keyword_sets')
    .values({ account_id: account, keywords: text })
    .onConflict((conflict) => conflict.columns(['account_id', 'keywords']).doNothing())
    .returning('id')
    .executeTakeFirst();
  return inserted?.id ?? (await find())?.id ?? 0;
}

async function spelled(db: Transaction<MailstoreTables>, set: number): Promise<readonly string[]> {
  const { keywords } = await db.selectFrom('keyword_sets').select('keywords').where('id', '=', set).executeTakeFirstOrThrow();
  return keywords.trim().split(' ');
}
