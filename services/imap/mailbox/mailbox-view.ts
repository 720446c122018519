// One mailbox as all sessions of this process that have it open share it: its present, asked of the store once for all of them, and its
// history. Owns a watch. Fails as the store does (MailboxGoneError, a database that is away); the next look tries again.
import type { MailboxInfo } from '#shared/mailstore/account-store.ts';
import type { Changes, ChangesNow, FlagsStored, MailboxStore, Snapshot } from '#shared/mailstore/mailbox-store.ts';
import { MailboxGoneError } from '#shared/mailstore/refusal.ts';
import type { MailboxEvent } from '#shared/mailstore/watch.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { Columns } from './columns.ts';
import { Moment } from './moment.ts';

/** Milliseconds from a question that failed to the next. */
const AGAIN = 1_000;

export class MailboxView {
  readonly store: MailboxStore;
  readonly objectId: string;
  readonly snapshot: Pick<Snapshot, 'uidvalidity' | 'specialUse' | 'keywords'>;
  readonly columns: Columns;
  readonly #log: Logger;
  #present: Moment;
  #name: string;
  /** Sessions that want to hear at once (IDLE). */
  readonly #idle = new Set<() => void>();
  /** Sessions to which new messages can be \Recent. */
  claimers = 0;
  /** The highest modseq that we were told of. */
  #announced = 0;
  #mustLook = false;
  #looking: Promise<unknown> | null = null;
  /** Questions to the store, one after another: how many were begun, and how many have ended. */
  #asked = 0;
  #answered = 0;
  #gone = false;
  #again: NodeJS.Timeout | null = null;

  constructor(store: MailboxStore, { objectId }: Pick<MailboxInfo, 'objectId'>, snapshot: Snapshot, log: Logger) {
    this.store = store;
    this.objectId = objectId;
    this.#name = snapshot.name;
    this.snapshot = { uidvalidity: snapshot.uidvalidity, specialUse: snapshot.specialUse, keywords: snapshot.keywords };
    this.columns = new Columns(snapshot.columns);
    this.#present = new Moment(snapshot.columns, snapshot.uidnext, snapshot.highestmodseq);
    this.#log = log;
  }

  /** As it was when the store was last asked. */
  get name(): string {
    return this.#name;
  }

  get present(): Moment {
    return this.#present;
  }

  /** The mailbox was deleted. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Takes in what the watch says. Returns at once. */
  hear(event: MailboxEvent): void {
    if (event.kind === 'gone') this.#gone = true;
    if (event.kind === 'changed') this.#announced = Math.max(this.#announced, event.highestmodseq);
    if (event.kind === 'look-again') this.#mustLook = true;
    if (this.#idle.size > 0) void this.#push();
  }

  /** Calls `listener` after each change, until the function returned is called. */
  whileIdle(listener: () => void): () => void {
    this.#idle.add(listener);
    return () => void this.#idle.delete(listener);
  }

  /**
   * Takes in all that we know to have changed; no query when nothing did. What is being asked now may be asked for us: whoever asks has
   * taken our need for known.
   */
  async catchUp(): Promise<void> {
    const enough = this.#behind ? this.#asked + 1 : this.#asked;
    while (this.#answered < enough) await this.#look();
  }

  /** Asks the store even when nothing was announced. */
  async look(): Promise<void> {
    this.expectNews();
    await this.catchUp();
  }

  /** There is news, announced or not: a command of ours made it, or a client asks. The next catchUp asks the store. */
  expectNews(): void {
    this.#mustLook = true;
  }

  /** Looks, and says what is so now; with `claim`, what is \Recent is so to the caller alone (RFC 3501 section 2.3.2). */
  async lookNow(claim: boolean): Promise<ChangesNow> {
    while (this.#looking) await this.#looking.catch(() => undefined); // whoever began it is told
    return await this.#ask(claim);
  }

  /**
   * Takes in flags that were just stored through us: true when nothing else has happened since our present, which spares a query. Else the next
   * catchUp asks the store. When nothing was changed, the modseq is of something else that happened.
   */
  stored({ changed, highestmodseq }: FlagsStored): boolean {
    const { highestmodseq: before, uidnext } = this.#present;
    const taken = changed.uids.length > 0 && highestmodseq === before + 1 && !this.#looking;
    if (taken) this.#take({ highestmodseq, uidnext, changed, vanished: [] }, uidnext, false);
    else this.#announced = Math.max(this.#announced, highestmodseq);
    return taken;
  }

  get #behind(): boolean {
    return this.#mustLook || this.#announced > this.#present.highestmodseq;
  }

  /** One query at a time; who comes while one is under way waits for it. */
  async #look(): Promise<void> {
    await (this.#looking ?? this.#ask(false));
  }

  async #ask(taken: boolean): Promise<ChangesNow> {
    this.#asked++;
    this.#mustLook = false;
    this.#announced = 0; // what was announced is committed, so the answer has it
    const asked = this.store.changesSince(this.#present.highestmodseq, { claimRecent: taken || this.claimers > 0 });
    this.#looking = asked;
    try {
      const changes = await asked;
      this.#name = changes.name;
      this.#take(changes, changes.recentFrom, taken);
      return changes;
    } catch (error) {
      this.#mustLook = true;
      if (error instanceof MailboxGoneError) this.#gone = true;
      throw error;
    } finally {
      this.#looking = null;
      this.#answered = this.#asked;
    }
  }

  #take(changes: Changes, recentFrom: number, recentTaken: boolean): void {
    const { highestmodseq, uidnext } = changes;
    if (highestmodseq <= this.#present.highestmodseq) return;
    const known = this.columns.apply(changes);
    const { count, uids } = this.columns;
    const moment = new Moment({ count, uids }, uidnext, highestmodseq);
    this.#present.follow({ ...known, recentFrom, recentTaken }, moment);
    this.#present = moment;
  }

  async #push(): Promise<void> {
    try {
      if (!this.#gone) await this.catchUp();
    } catch (error) {
      if (!this.#gone) this.#log.warn({ err: error }, 'changes of a mailbox could not be read');
      if (!this.#gone) this.#pushAgain();
    }
    for (const listener of this.#idle) listener();
  }

  /** What was announced is announced once, and sessions that idle ask nothing: the question is repeated for them. */
  #pushAgain(): void {
    this.#again ??= setTimeout(() => {
      this.#again = null;
      if (this.#idle.size > 0) void this.#push();
    }, AGAIN).unref();
  }
}
