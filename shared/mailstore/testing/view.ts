// A mailbox as a session knows it: one snapshot, then what changed since. Says when a change cannot follow what was seen before.
import type { Changes, Snapshot } from '../mailbox-store.ts';

export class View {
  highestmodseq: number;
  readonly #messages = new Map<number, { readonly modseq: number; readonly flags: number }>();
  #uidnext: number;

  constructor({ columns, highestmodseq, uidnext }: Snapshot) {
    this.highestmodseq = highestmodseq;
    this.#uidnext = uidnext;
    for (const [index, uid] of columns.uids.entries()) this.#messages.set(uid, { modseq: columns.modseqs[index] ?? 0, flags: columns.flags[index] ?? 0 });
  }

  uids(): Iterable<number> {
    return this.#messages.keys();
  }

  /** Takes the changes in; returns what is wrong with them. */
  apply({ changed, vanished, highestmodseq, uidnext }: Changes): string | null {
    const before = this.highestmodseq;
    const expected = this.#uidnext;
    for (const [first, last] of vanished) for (let uid = first; uid <= last; uid++) this.#messages.delete(uid);
    for (const [index, uid] of changed.uids.entries()) {
      const modseq = changed.modseqs[index] ?? 0;
      if (modseq <= before || modseq > highestmodseq) return `UID ${uid} has modseq ${modseq}, between ${before} and ${highestmodseq}`;
      if (!this.#messages.has(uid) && uid < expected) return `UID ${uid} appears after ${expected - 1} was seen`;
      if (uid >= uidnext) return `UID ${uid} is not below ${uidnext}`;
      this.#messages.set(uid, { modseq, flags: changed.flags[index] ?? 0 });
    }
    if (highestmodseq < before || uidnext < expected) return `it went back from ${before} and ${expected} to ${highestmodseq} and ${uidnext}`;
    this.highestmodseq = highestmodseq;
    this.#uidnext = uidnext;
    return null;
  }

  /** What differs from a new snapshot. */
  differsFrom({ columns: { uids, modseqs, flags } }: Snapshot): readonly string[] {
    const differing = [...this.#messages.keys()].filter((uid) => !uids.includes(uid)).map((uid) => `UID ${uid} is gone unnoticed`);
    for (const [index, uid] of uids.entries()) {
      const known = this.#messages.get(uid);
      if (known?.modseq !== modseqs[index] || known?.flags !== flags[index]) differing.push(`UID ${uid} is ${JSON.stringify(known)}`);
    }
    return differing;
  }
}
