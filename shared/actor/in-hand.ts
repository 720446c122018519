// The entries that an activation has in hand: ready to be received, or in `receive`. Each is still in the mailbox until its outcome is committed, so
// what is pulled shows it again. It remembers what threw, and what was handled and came back. Pure.
import type { Entry } from './actor.ts';

/** An entry handled this often and still in the mailbox is put off, as one whose actor throws. */
const MAX_REPEATS = 3;
const REMEMBERED = 256;

/** What few activations need is made when it is needed: a thousand that wait hold a thousand of these. */
export class InHand {
  readonly #ready: Entry[] = [];
  readonly #held = new Set<Entry>();
  /** Handed out by an activation that died, and not received by this one yet. */
  #possiblySent: Set<Entry> | undefined;
  /** Throws by entry, also those that earlier activations saw: a pause is mostly longer than an activation. */
  #tries: Map<Entry, number> | undefined;
  #finished: Map<Entry, number> | undefined;
  #inFlight = 0;

  get size(): number {
    return this.#held.size;
  }

  get ready(): number {
    return this.#ready.length;
  }

  /** How many are in `receive`. */
  get inFlight(): number {
    return this.#inFlight;
  }

  has(entry: Entry): boolean {
    return this.#held.has(entry);
  }

  /** What earlier activations of the key leave: entries possibly sent, and throws as `triesToKeep` gave them. */
  inherit(possiblySent: readonly Entry[], tries: string): void {
    if (possiblySent.length > 0) this.#possiblySent = new Set(possiblySent);
    for (const entry of possiblySent) this.add(entry);
    if (tries) this.#tries = new Map(JSON.parse(tries) as [Entry, number][]);
  }

  add(entry: Entry): void {
    if (this.#held.has(entry)) return;
    this.#held.add(entry);
    this.#ready.push(entry);
  }

  /** The next one goes into `receive`; `settle` ends that. */
  next(): Entry {
    this.#inFlight++;
    return this.#ready.shift() as Entry;
  }

  /** True once for what an activation that died had in hand. */
  wasHandedOut(entry: Entry): boolean {
    return this.#possiblySent?.delete(entry) ?? false;
  }

  settle(entry: Entry): void {
    this.#inFlight--;
    this.#held.delete(entry);
  }

  /** What is ready is left to the next activation. */
  dropReady(): void {
    for (const entry of this.#ready.splice(0)) this.#held.delete(entry);
  }

  /** Handled without a throw. The last of these are remembered: one that its actor never takes off the mailbox must not keep it busy. */
  finish(entry: Entry): void {
    this.#tries?.delete(entry);
    this.#finished ??= new Map();
    this.#finished.set(entry, (this.#finished.get(entry) ?? 0) + 1);
    if (this.#finished.size > REMEMBERED) this.#finished.delete(this.#finished.keys().next().value as Entry);
  }

  cameBackTooOften(entry: Entry): boolean {
    return (this.#finished?.get(entry) ?? 0) >= MAX_REPEATS;
  }

  /** Counts a throw; returns how many there were. */
  threw(entry: Entry): number {
    this.#tries ??= new Map();
    const tries = (this.#tries.get(entry) ?? 0) + 1;
    this.#tries.set(entry, tries);
    return tries;
  }

  giveUp(entry: Entry): void {
    this.#tries?.delete(entry);
  }

  triesToKeep(): string {
    return this.#tries?.size ? JSON.stringify([...this.#tries].slice(-REMEMBERED)) : '';
  }
}
