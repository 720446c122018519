// The present of a mailbox as columns: UIDs, modseqs and flags of every message, 20 octets each. Takes in changes; owns the arrays, and never
// writes to UIDs that a moment has seen.
import type { FlagCode } from '#shared/mailstore/account-store.ts';
import { place, placeFrom } from '#shared/mailstore/column-place.ts';
import { bitsOf } from '#shared/mailstore/flag-code.ts';
import type { Changes, MailboxColumns, MessageColumns } from '#shared/mailstore/mailbox-store.ts';
import { firstPlaces } from '#shared/mailstore/message-columns.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import type { FlagsChange } from './moment.ts';

export class Columns {
  /** Arrays that may be longer than they are filled; never written to where a moment has seen UIDs. */
  #columns: MessageColumns;
  #count: number;
  /** Each code that may stand here, and the first place of those that do; null: to be looked for. */
  #among: Set<FlagCode>;
  #codes: ReadonlyMap<FlagCode, number> | null;

  constructor(columns: MailboxColumns) {
    this.#columns = columns;
    this.#count = columns.count;
    this.#among = new Set(columns.codes.keys());
    this.#codes = columns.codes;
  }

  get count(): number {
    return this.#count;
  }

  /** As they are now. Their octets do not change: what comes is appended, what goes makes new ones. */
  get uids(): Uint32Array {
    return this.#columns.uids.subarray(0, this.#count);
  }

  /** Flags and modseq of the message; null when it is not there. */
  get(uid: number): FlagsChange | null {
    const at = place(this.uids, uid);
    return at < 0 ? null : this.#at(at);
  }

  /** The place of the first message without this system flag; -1 when all have it. */
  firstWithout(flag: number): number {
    this.#codes ??= firstPlaces(this.#filled.flags, this.#among);
    this.#among = new Set(this.#codes.keys());
    const places = Array.from(this.#codes).flatMap(([code, at]) => (bitsOf(code) & flag ? [] : [at]));
    return places.length === 0 ? -1 : Math.min(...places);
  }

  /** Flags and modseqs of the messages among these, ascending. */
  *among(uids: UidSet): Generator<FlagsChange> {
    const column = this.uids;
    for (const [first, last] of uids) {
      for (let at = placeFrom(column, first); at < column.length && (column[at] as number) <= last; at++) yield this.#at(at);
    }
  }

  /** The same as columns of their own, which no later change touches: a whole mailbox without an object for each message. */
  copy(uids: UidSet): MessageColumns {
    const columns = this.#columns;
    const places = [...rangesOf(this.uids, uids)];
    const length = places.reduce((sum, [from, to]) => sum + to - from, 0);
    return {
      uids: taken(new Uint32Array(length), columns.uids, places),
      modseqs: taken(new Float64Array(length), columns.modseqs, places),
      flags: taken(new Float64Array(length), columns.flags, places),
    };
  }

  /** Takes in what changed; returns what of it concerns messages that were here. */
  apply({ changed, vanished }: Pick<Changes, 'changed' | 'vanished'>): { readonly vanished: Uint32Array; readonly changed: readonly FlagsChange[] } {
    for (const code of changed.flags) this.#among.add(code);
    this.#codes = null;
    const gone = this.#remove(vanished);
    const known: FlagsChange[] = [];
    const last = this.#columns.uids[this.#count - 1] ?? 0;
    const { uids, modseqs, flags } = changed;
    const firstNew = placeFrom(uids, last + 1);
    for (let i = 0; i < firstNew; i++) {
      const change = { uid: uids[i] as number, flags: flags[i] as number, modseq: modseqs[i] as number };
      if (this.#update(change)) known.push(change);
    }
    this.#append({ uids: uids.subarray(firstNew), modseqs: modseqs.subarray(firstNew), flags: flags.subarray(firstNew) });
    return { vanished: gone, changed: known };
  }

  get #filled(): MessageColumns {
    const { uids, modseqs, flags } = this.#columns;
    return { uids: uids.subarray(0, this.#count), modseqs: modseqs.subarray(0, this.#count), flags: flags.subarray(0, this.#count) };
  }

  #at(at: number): FlagsChange {
    const { uids, flags, modseqs } = this.#columns;
    return { uid: uids[at] as number, flags: flags[at] as number, modseq: modseqs[at] as number };
  }

  /** False when nothing is new: our own change, which was taken in before. */
  #update({ uid, flags, modseq }: FlagsChange): boolean {
    const at = place(this.uids, uid);
    const columns = this.#columns;
    if (at < 0 || columns.modseqs[at] === modseq) return false;
    columns.flags[at] = flags;
    columns.modseqs[at] = modseq;
    return true;
  }

  #append({ uids, modseqs, flags }: MessageColumns): void {
    const count = this.#count + uids.length;
    if (count > this.#columns.uids.length) this.#grow(Math.max(count + 16, Math.ceil(count * 1.25)));
    this.#columns.uids.set(uids, this.#count);
    this.#columns.modseqs.set(modseqs, this.#count);
    this.#columns.flags.set(flags, this.#count);
    this.#count = count;
  }

  #grow(length: number): void {
    const { uids, modseqs, flags } = this.#filled;
    this.#columns = {
      uids: copied(new Uint32Array(length), uids),
      modseqs: copied(new Float64Array(length), modseqs),
      flags: copied(new Float64Array(length), flags),
    };
  }

  #remove(vanished: UidSet): Uint32Array {
    const { uids, modseqs, flags } = this.#filled;
    const gone = [...rangesOf(uids, vanished)];
    if (gone.length === 0) return new Uint32Array(0);
    const went = gone.flatMap(([from, to]) => Array.from(uids.subarray(from, to)));
    const left = this.#count - went.length;
    this.#columns = {
      uids: without(new Uint32Array(left), uids, gone),
      modseqs: without(new Float64Array(left), modseqs, gone),
      flags: without(new Float64Array(left), flags, gone),
    };
    this.#count = left;
    return Uint32Array.from(went);
  }
}

type Places = readonly [from: number, to: number];

/** Where in the column these stand: places [from, to), ascending, none empty. */
function* rangesOf(column: Uint32Array, uids: UidSet): Generator<Places> {
  for (const [first, last] of uids) {
    const from = placeFrom(column, first);
    const to = placeFrom(column, last + 1);
    if (from < to) yield [from, to];
  }
}

function copied<T extends Uint32Array | Float64Array>(to: T, from: T): T {
  to.set(from);
  return to;
}

function without<T extends Uint32Array | Float64Array>(to: T, from: T, gone: readonly Places[]): T {
  let written = 0;
  let read = 0;
  for (const [start, end] of [...gone, [from.length, from.length] as const]) {
    const kept = from.subarray(read, start);
    to.set(kept, written);
    written += kept.length;
    read = end;
  }
  return to;
}

/** What stands at these places. */
function taken<T extends Uint32Array | Float64Array>(copy: T, column: T, places: readonly Places[]): T {
  let to = 0;
  for (const [from, end] of places) {
    copy.set(column.subarray(from, end), to);
    to += end - from;
  }
  return copy;
}
