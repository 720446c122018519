// Threads by references and subject (RFC 5256 section 3, REFERENCES). Pure, without recursion: a thread may be as deep as the mailbox is large; and
// in nearly linear time, whatever the references say.
import type { ThreadRow } from '#shared/mailstore/mailbox-store.ts';
import type { Pace } from '../fetch/pace.ts';

export interface Thread {
  /** Null: the message that holds these together is not here. Only at the top, and with at least two children. */
  readonly uid: number | null;
  readonly children: readonly Thread[];
}

class Container implements Thread {
  readonly row: ThreadRow | null;
  parent: Container | null = null;
  children: Container[] = [];
  /** Leads to the top of the tree that this container is in, by ever shorter ways. */
  up: Container | null = null;
  /** Sent date; of a container without a message its first child's. */
  date = 0;
  uidOfFirst = 0;

  constructor(row: ThreadRow | null) {
    this.row = row;
  }

  get uid(): number | null {
    return this.row?.uid ?? null;
  }
}

type Pacer = Pick<Pace, 'due' | 'turn'>;

/** The threads, by date. `pace` lets others work in between. */
export async function threadByReferences(rows: readonly ThreadRow[], pace: Pacer): Promise<readonly Thread[]> {
  const containers = await link(rows, pace);
  const order = await fromTheTop(containers, pace);
  await prune(order, pace);
  const top = order.filter(({ parent }) => parent === null).flatMap(promoted);
  await sortAll(top, pace);
  const grouped = groupBySubject(top);
  await sortAll(grouped, pace);
  return grouped;
}

/**
 * Step 1. A message's own last reference says what its parent is; what others' References say of a message counts when its own say
 * nothing. RFC 5256 gets there message by message, undoing links on the way; taking all last references first needs no undoing.
 */
async function link(rows: readonly ThreadRow[], pace: Pacer): Promise<readonly Container[]> {
  const byId = new Map<string, Container>();
  const containers: Container[] = [];
  for (const row of rows) {
    const container = new Container(row);
    containers.push(container);
    // A message id that is taken is as good as none.
    if (row.messageId !== null && !byId.has(row.messageId)) byId.set(row.messageId, container);
    if (pace.due) await pace.turn();
  }
  const place = (id: string): Container => {
    const known = byId.get(id);
    if (known) return known;
    const made = new Container(null);
    byId.set(id, made);
    containers.push(made);
    return made;
  };
  for (const [index, { references }] of rows.entries()) {
    const last = references.at(-1);
    const child = containers[index];
    if (last !== undefined && child) adopt(place(last), child);
    if (pace.due) await pace.turn();
  }
  for (const { references } of rows) {
    for (let i = 1; i < references.length; i++) {
      const child = place(references[i] as string);
      if (!child.row?.references.length) adopt(place(references[i - 1] as string), child);
    }
    if (pace.due) await pace.turn();
  }
  return containers;
}

/** Makes `child` a child of `parent` unless it has a parent already, or is one of its ancestors. */
function adopt(parent: Container, child: Container): void {
  // Without a parent the child is the top of its tree: a loop it would be only if it were the parent's top, too.
  if (child.parent !== null || topOf(parent) === child) return;
  child.parent = parent;
  child.up = parent;
  parent.children.push(child);
}

function topOf(container: Container): Container {
  let top = container;
  while (top.up) top = top.up;
  for (let here = container; here.up && here.up !== top; ) {
    const next = here.up;
    here.up = top;
    here = next;
  }
  return top;
}

/** All containers, each after its parent. */
async function fromTheTop(containers: readonly Container[], pace: Pacer): Promise<readonly Container[]> {
  const order = containers.filter(({ parent }) => parent === null);
  for (let i = 0; i < order.length; i++) {
    for (const child of order[i]?.children ?? []) order.push(child);
    if (pace.due) await pace.turn();
  }
  return order;
}

/** Step 3: below the top, containers without a message give way to their children. */
async function prune(order: readonly Container[], pace: Pacer): Promise<void> {
  for (const container of order.toReversed()) {
    if (container.children.some(({ row }) => row === null)) container.children = withoutEmpty(container.children);
    if (pace.due) await pace.turn();
  }
}

/** The order does not matter yet, so that the shorter list goes into the longer: a child is moved a few times only. */
function withoutEmpty(children: readonly Container[]): Container[] {
  let all: Container[] = children.filter(({ row }) => row !== null);
  for (const { row, children: grandchildren } of children) {
    if (row !== null) continue;
    const [longer, shorter] = grandchildren.length > all.length ? [grandchildren, all] : [all, grandchildren];
    for (const child of shorter) longer.push(child);
    all = longer;
  }
  return all;
}

/** At the top only those that hold at least two together stay. */
function promoted(container: Container): readonly Container[] {
  return container.row === null && container.children.length < 2 ? container.children : [container];
}

/** Steps 4 and 6: siblings by sent date, then as they are in the mailbox. */
async function sortAll(top: Container[], pace: Pacer): Promise<void> {
  const order = [...top];
  for (let i = 0; i < order.length; i++) {
    for (const child of order[i]?.children ?? []) order.push(child);
    if (pace.due) await pace.turn();
  }
  for (const container of order.toReversed()) {
    const { row, children } = container;
    if (children.length > 1) children.sort(byDate);
    container.date = row?.sentAt ?? children[0]?.date ?? 0;
    container.uidOfFirst = row?.uid ?? children[0]?.uidOfFirst ?? 0;
    if (pace.due) await pace.turn();
  }
  top.sort(byDate);
}

function byDate(a: Container, b: Container): number {
  return a.date - b.date || a.uidOfFirst - b.uidOfFirst;
}

/** Step 5: threads with the same base subject become one. Returns the new top, in no order. */
function groupBySubject(top: readonly Container[]): Container[] {
  const heads = new Map<string, Container>();
  for (const container of top) {
    const subject = subjectOf(container);
    const head = heads.get(subject);
    if (subject !== '' && (!head || isBetterHead(container, head))) heads.set(subject, container);
  }
  const gone = new Set<Container>();
  const made: Container[] = [];
  for (const container of top) {
    const subject = subjectOf(container);
    const head = heads.get(subject);
    if (!head || head === container || gone.has(container)) continue;
    gone.add(container);
    if (head.row === null) head.children.push(...(container.row === null ? [] : [container]));
    if (head.row === null && container.row === null) for (const child of container.children) head.children.push(child);
    else if (head.row !== null && isReply(container) && !isReply(head)) head.children.push(container);
    else if (head.row !== null) {
      // Neither answers the other: both answer something that is not here.
      const both = new Container(null);
      both.children = [head, container];
      gone.add(head);
      made.push(both);
      heads.set(subject, both);
    }
  }
  return [...top.filter((container) => !gone.has(container)), ...made];
}

/** RFC 5256 section 3, step 5.B: one without a message before one with, what is no reply before a reply. */
function isBetterHead(container: Container, head: Container): boolean {
  if (head.row === null) return false;
  return container.row === null || (isReply(head) && !isReply(container));
}

function firstRow({ row, children }: Container): ThreadRow | null {
  return row ?? children[0]?.row ?? null;
}

function subjectOf(container: Container): string {
  return firstRow(container)?.subject ?? '';
}

function isReply(container: Container): boolean {
  return container.row?.isReply ?? false;
}

/** RFC 5256 section 4: `(2)(3 6 (4 23)(44 7 96))`. */
export function formatThreads(threads: readonly Thread[], numberOf: (uid: number) => number): string {
  const out: string[] = [];
  // What is still to be written, last first.
  const rest: (Thread | string)[] = [];
  const nest = (nested: readonly Thread[]): void => {
    for (const each of nested.toReversed()) rest.push(')', each, '(');
  };
  nest(threads);
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    if (typeof next === 'string') {
      out.push(next);
      continue;
    }
    const { uid, children } = next;
    if (uid !== null) out.push(String(numberOf(uid)), ...(children.length > 0 ? [' '] : []));
    const [only] = children;
    if (children.length === 1 && only) rest.push(only);
    else nest(children);
  }
  return out.join('');
}
