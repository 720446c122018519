// Shared commits: what arrives while one commit of a store runs shares the next, and so one fsync serves many. Fails each
// item with its own error: when the data of one are refused, the others of its group are committed without it.
import { setImmediate } from 'node:timers/promises';

export interface SharedCommitOptions<Item, Result> {
  /** Commits all or nothing; results in the order of the items. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** Sum of weights in one commit; a heavier item goes alone. */
  readonly limit: number;
  readonly weight: (item: Item) => number;
  /** Whether this error may be the fault of one item: then each is tried by itself. */
  readonly isFaultOfOne?: (error: unknown) => boolean;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export interface SharedCommits<Item, Result> {
  /** Resolves when the item is committed. */
  add(item: Item): Promise<Result>;
  /** True when nothing is being committed or waits for it. */
  idle(): boolean;
  /** Resolves when nothing is left to commit. */
  settled(): Promise<void>;
}

export function shareCommits<Item, Result>(options: SharedCommitOptions<Item, Result>): SharedCommits<Item, Result> {
  type Group = readonly Waiting<Item, Result>[];
  let waiting: Waiting<Item, Result>[] = [];
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // One turn of the event loop lets everybody whose call has just returned join the next commit.
      await setImmediate();
      await commit(takeGroup());
    }
    running = null;
  }
  function takeGroup(): Group {
    let weight = 0;
    let count = 0;
    for (const { item } of waiting) {
      weight += options.weight(item);
      if (count > 0 && weight > options.limit) break;
      count++;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return group;
  }
  async function commit(group: Group): Promise<void> {
    try {
      const results = await options.commit(group.map(({ item }) => item));
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as Result);
    } catch (error) {
      if (group.length > 1 && options.isFaultOfOne?.(error)) for (const one of group) await commit([one]);
      else for (const { reject } of group) reject(error);
    }
  }
  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        running ??= run();
      }),
    idle: () => running === null,
    settled: async () => void (await running),
  };
}
