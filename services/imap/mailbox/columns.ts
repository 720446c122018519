// The present of a mailbox as columns: UIDs, modseqs and flags of every message, 20 octets each. Takes in changes; owns the arrays, and never
// writes to UIDs that a moment has seen.

import { place, placeFrom } from '#shared/mailstore/column-place.ts';
import type { Changes, MessageColumns, Snapshot } from '#shared/mailstore/mailbox-store.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import type { FlagsChange } from './moment.ts';

export class Columns {
  #uids: Uint32Array;
  #modseqs: Float64Array;
  #flags: Float64Array;
  #count: number;

  constructor({ uids, modseqs, flags }: Snapshot) {
    this.#uids = uids;
    this.#modseqs = modseqs;
    this.#flags = flags;
    this.#count = uids.length;
  }

  /** As they are now. Their octets do not change: what comes is appended, what goes makes new ones. */
  get uids(): Uint32Array {
    return this.#uids.subarray(0, this.#count);
  }

  /** Flags and modseq of the message; null when it is not there. */
  get(uid: number): FlagsChange | null {
    const at = place(this.uids, uid);
    return at < 0 ? null : { uid, flags: this.#flags[at] as number, modseq: this.#modseqs[at] as number };
  }

  /** Flags and modseqs of the messages among these, ascending. */
  *among(uids: UidSet): Generator<FlagsChange> {
    const column = this.uids;
    for (const [first, last] of uids) {
      for (let at = placeFrom(column, first); at < column.length && (column[at] as number) <= last; at++)
        yield { uid: column[at] as number, flags: this.#flags[at] as number, modseq: this.#modseqs[at] as number };
    }
  }

  /** The same as columns of their own, which no later change touches: a whole mailbox without an object for each message. */
  copy(uids: UidSet): MessageColumns {
    const places = [...rangesOf(this.uids, uids)];
    const length = places.reduce((sum, [from, to]) => sum + to - from, 0);
    return {
      uids: taken(new Uint32Array(length), this.#uids, places),
      modseqs: taken(new Float64Array(length), this.#modseqs, places),
      flags: taken(new Float64Array(length), this.#flags, places),
    };
  }

  /** Takes in what changed; returns what of it concerns messages that were here. */
  apply({ changed, vanished }: Pick<Changes, 'changed' | 'vanished'>): { readonly vanished: Uint32Array; readonly changed: readonly FlagsChange[] } {
    const gone = this.#remove(vanished);
    const known: FlagsChange[] = [];
    const last = this.#uids[this.#count - 1] ?? 0;
    const { uids, modseqs, flags } = changed;
    const firstNew = placeFrom(uids, last + 1);
    for (let i = 0; i < firstNew; i++) {
      const change = { uid: uids[i] as number, flags: flags[i] as number, modseq: modseqs[i] as number };
      if (this.#update(change)) known.push(change);
    }
    this.#append({ uids: uids.subarray(firstNew), modseqs: modseqs.subarray(firstNew), flags: flags.subarray(firstNew) });
    return { vanished: gone, changed: known };
  }

  /** False when nothing is new: our own change, which was taken in before. */
  #update({ uid, flags, modseq }: FlagsChange): boolean {
    const at = place(this.uids, uid);
    if (at < 0 || this.#modseqs[at] === modseq) return false;
    this.#flags[at] = flags;
    this.#modseqs[at] = modseq;
    return true;
  }

  #append({ uids, modseqs, flags }: MessageColumns): void {
    const count = this.#count + uids.length;
    if (count > this.#uids.length) this.#grow(Math.max(count + 16, Math.ceil(count * 1.25)));
    this.#uids.set(uids, this.#count);
    this.#modseqs.set(modseqs, this.#count);
    this.#flags.set(flags, this.#count);
    this.#count = count;
  }

  #grow(length: number): void {
    this.#uids = copied(new Uint32Array(length), this.uids);
    this.#modseqs = copied(new Float64Array(length), this.#modseqs.subarray(0, this.#count));
    this.#flags = copied(new Float64Array(length), this.#flags.subarray(0, this.#count));
  }

  #remove(vanished: UidSet): Uint32Array {
    const before = this.uids;
    const gone = [...rangesOf(before, vanished)];
    if (gone.length === 0) return new Uint32Array(0);
    const went = gone.flatMap(([from, to]) => Array.from(before.subarray(from, to)));
    this.#uids = without(new Uint32Array(this.#count - went.length), before, gone);
    this.#modseqs = without(new Float64Array(this.#count - went.length), this.#modseqs.subarray(0, this.#count), gone);
    this.#flags = without(new Float64Array(this.#count - went.length), this.#flags.subarray(0, this.#count), gone);
    this.#count -= went.length;
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
