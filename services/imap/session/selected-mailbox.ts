// The mailbox that a session has selected, as its client knows it: sequence numbers are those of the last moment that was told. Turns message
// sets into UIDs, and what happened since into untagged responses. Flags are always told as they are in the view's present, so that no older
// modseq comes behind a newer one. Owns its use of a view.
import type { AccountStore, FlagCode } from '#shared/mailstore/account-store.ts';
import { SYSTEM_FLAGS } from '#shared/mailstore/account-store.ts';
import { place, placeFrom } from '#shared/mailstore/column-place.ts';
import type { FlagsStored, MailboxStore } from '#shared/mailstore/mailbox-store.ts';
import { gapsBetween, type UidSet } from '#shared/mailstore/uid-set.ts';
import type { ResponseWriter } from '../connection/response-writer.ts';
import type { MailboxView } from '../mailbox/mailbox-view.ts';
import type { OpenedView } from '../mailbox/mailbox-views.ts';
import type { Change, FlagsChange, Moment } from '../mailbox/moment.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { formatNumbers, type NumberRange, normalised, type SequenceSet, STAR } from '../syntax/sequence-set.ts';
import type { Features } from './features.ts';

/** How a command names messages: FETCH, or UID FETCH. */
export type Naming = 'sequence' | 'uid';

export class SelectedMailbox {
  readonly view: MailboxView;
  readonly name: string;
  readonly readOnly: boolean;
  /** The result of SEARCH RETURN (SAVE), which `$` names. RFC 5182 section 2. */
  saved: UidSet = [];
  readonly #account: AccountStore;
  readonly #out: ResponseWriter;
  readonly #features: Features;
  readonly #release: () => void;
  #moment: Moment;
  /** UIDs that are \Recent here, as ranges. */
  readonly #recent: [number, number][] = [];
  /** Modseqs of our own flag changes, which are no news to the client. */
  readonly #own = new Set<number>();
  /** Flags as `(\Seen)`, by code; each keyword in it has been announced. */
  readonly #flagTexts = new Map<FlagCode, string>();
  readonly #keywords: Set<string>;
  #lastAsked = -1;

  constructor(opened: OpenedView, facts: { name: string; readOnly: boolean; account: AccountStore; out: ResponseWriter; features: Features }) {
    this.view = opened.view;
    this.#release = opened.release;
    this.name = facts.name;
    this.readOnly = facts.readOnly;
    this.#account = facts.account;
    this.#out = facts.out;
    this.#features = facts.features;
    this.#moment = opened.view.present;
    this.#keywords = new Set(opened.view.snapshot.keywords);
    this.#addRecent(opened.recentFrom);
  }

  get store(): MailboxStore {
    return this.view.store;
  }

  /** UIDs in the order of their sequence numbers, which begin at 1. */
  get uids(): Uint32Array {
    return this.#moment.uids;
  }

  /** As far as the client was told. */
  get moment(): Moment {
    return this.#moment;
  }

  /** Messages that are \Recent to this session. RFC 3501 section 2.3.2. */
  get recentCount(): number {
    return this.#recent.reduce((sum, [first, last]) => sum + placeFrom(this.uids, last + 1) - placeFrom(this.uids, first), 0);
  }

  /** UIDs that are \Recent here. */
  get recent(): UidSet {
    return this.#recent;
  }

  /** The sequence number of this message; 0 when the client does not know it. */
  sequenceNumber(uid: number): number {
    // Who asks often asks in order.
    const next = this.#lastAsked + 1;
    const at = this.uids[next] === uid ? next : place(this.uids, uid);
    this.#lastAsked = at;
    return at < 0 ? 0 : at + 1;
  }

  /** The UIDs that a set names, of messages that the client knows. Throws BadSyntax for sequence numbers that no message has. */
  resolve(set: SequenceSet, naming: Naming): UidSet {
    if (set.kind === 'saved') return this.saved;
    const { uids } = this;
    if (naming === 'uid') {
      const largest = uids.at(-1) ?? 0;
      if (largest === 0) return [];
      return clipped(normalised(set.ranges, largest), largest);
    }
    const ranges = uids.length === 0 ? set.ranges.filter((range) => !range.includes(STAR)) : set.ranges;
    // RFC 9051 section 9, seq-number: not above the number of messages.
    if (ranges.some(([from, to]) => Math.max(from, to) > uids.length)) throw new BadSyntax('There is no message with this sequence number');
    // UIDs ascend with sequence numbers, and no message that the client does not know lies between two that it does.
    return normalised(ranges, uids.length).map(([first, last]): NumberRange => [uids[first - 1] as number, uids[last - 1] as number]);
  }

  /** Those of the set that the client does not take for present: what may be told as vanished earlier, not now. RFC 7162 section 3.2.10. */
  absent(set: UidSet): UidSet {
    return set.flatMap(([first, last]) => {
      const known = this.uids.subarray(placeFrom(this.uids, first), placeFrom(this.uids, last + 1));
      return gapsBetween(known, last).flatMap(([from, to]): NumberRange[] => (to < first ? [] : [[Math.max(from, first), to]]));
    });
  }

  /** `(\Seen $Forwarded)`. A keyword that the client has not heard of is announced first, so ask before a response is begun. */
  flags(uid: number, code: FlagCode): string {
    const text = this.#flagTexts.get(code) ?? this.#flagText(code);
    if (this.#recent.length === 0 || this.#features.rev2 || !this.#isRecent(uid)) return text;
    return text === '()' ? '(\\Recent)' : `${text.slice(0, -1)} \\Recent)`;
  }

  /** `FLAGS (...)` and `PERMANENTFLAGS (...)`: all that the client may meet. RFC 9051 section 7.3.5. */
  announceFlags(): void {
    const names = [...Object.keys(SYSTEM_FLAGS), ...this.#keywords].join(' ');
    this.#out.untagged(`FLAGS (${names})`);
    const permanent = this.readOnly ? '' : `${names} \\*`;
    this.#out.untagged(`OK [PERMANENTFLAGS (${permanent})] ${this.readOnly ? 'No flags can be changed' : 'Flags that can be changed'}`);
  }

  /**
   * Takes in flags that the client changed: what it asked for is no news to it. `told`: it will be told of the messages anyway. Else, when others
   * changed something at the same time, that may hide behind our own modseq, and is told.
   */
  async stored(stored: FlagsStored, told: boolean): Promise<void> {
    const [modseq] = stored.changed.modseqs;
    const alone = this.view.stored(stored);
    if (modseq !== undefined && (alone || told)) this.#own.add(modseq);
    await this.view.catchUp();
  }

  /** The next that the client is to be told of is an expunge. */
  get expungeWaits(): boolean {
    return (this.#moment.next?.change.vanished.length ?? 0) > 0;
  }

  /** Tells the client what happened, up to the view's present; without expunges, up to the first of them. RFC 9051 section 7.5.1. */
  tell(expunges: boolean): void {
    let told = this.#moment.count;
    let recent = false;
    const fresh = new Set<number>(); // UIDs whose flags were told now
    const exists = () => {
      if (told !== this.#moment.count) this.#out.untagged(`${this.#moment.count} EXISTS`);
      told = this.#moment.count;
    };
    for (let next = this.#moment.next; next !== null; next = this.#moment.next) {
      const { change, moment } = next;
      if (change.vanished.length > 0) {
        if (!expunges) break;
        exists();
        this.#tellVanished(change.vanished);
        told -= change.vanished.length;
      }
      recent = this.#claimRecent(change, moment) || recent;
      this.#moment = moment;
      const news = change.changed.filter(({ uid, modseq }) => !this.#own.has(modseq) && !fresh.has(uid));
      if (news.length > 0) exists();
      for (const { uid } of news) {
        fresh.add(uid);
        this.#tellPresent(uid);
      }
    }
    exists();
    if (recent && !this.#features.rev2) this.#out.untagged(`${this.recentCount} RECENT`);
    for (const modseq of this.#own) if (modseq <= this.#moment.highestmodseq) this.#own.delete(modseq);
  }

  /** One FETCH of flags, by number with the UID for those who think in UIDs; with MODSEQ after CONDSTORE (RFC 7162 section 3.1.4). */
  tellFlags({ uid, flags, modseq }: FlagsChange, naming: Naming = 'sequence'): void {
    const number = this.sequenceNumber(uid);
    if (number === 0) return;
    const text = this.flags(uid, flags);
    const { condstore, rev2 } = this.#features;
    const withUid = naming === 'uid' || condstore || rev2;
    this.#out.untagged(`${number} FETCH (${withUid ? `UID ${uid} ` : ''}FLAGS ${text}${condstore ? ` MODSEQ (${modseq})` : ''})`);
  }

  /** The new modseq of flags that the client knows. RFC 7162 section 3.1.3. */
  tellModseq({ uid, modseq }: FlagsChange): void {
    const number = this.sequenceNumber(uid);
    if (number > 0) this.#out.untagged(`${number} FETCH (UID ${uid} MODSEQ (${modseq}))`);
  }

  /** Gives the view back. */
  close(): void {
    this.#release();
  }

  /** As it is now, whatever it was when it changed: that may have been told. What is gone needs no flags. */
  #tellPresent(uid: number): void {
    const message = this.view.columns.get(uid);
    if (message) this.tellFlags(message);
  }

  /** RFC 9051 section 7.5.1, highest first so that no number moves before it is told; RFC 7162 section 3.2.10.2. */
  #tellVanished(vanished: Uint32Array): void {
    if (this.#features.qresync) return this.#out.untagged(`VANISHED ${formatNumbers(vanished)}`);
    for (const uid of vanished.toReversed()) this.#out.untagged(`${this.sequenceNumber(uid)} EXPUNGE`);
  }

  /** True when some of what came is \Recent to us. */
  #claimRecent(change: Change, moment: Moment): boolean {
    if (change.recentTaken || change.recentFrom >= moment.uidnext) return false;
    change.recentTaken = !this.readOnly;
    this.#addRecent(change.recentFrom, moment);
    return true;
  }

  /** UIDs from `from` on, as far as the moment knows them. */
  #addRecent(from: number, { uidnext }: Moment = this.#moment): void {
    const last = this.#recent.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], uidnext - 1);
    else if (from < uidnext) this.#recent.push([from, uidnext - 1]);
  }

  #isRecent(uid: number): boolean {
    return this.#recent.some(([first, last]) => first <= uid && uid <= last);
  }

  #flagText(code: FlagCode): string {
    const names = this.#account.flagNames(code);
    const strange = names.filter((name) => !name.startsWith('\\') && !this.#keywords.has(name));
    for (const name of strange) this.#keywords.add(name);
    if (strange.length > 0) this.announceFlags();
    const text = `(${names.join(' ')})`;
    this.#flagTexts.set(code, text);
    return text;
  }
}

function clipped(set: UidSet, largest: number): UidSet {
  return set.flatMap(([first, last]): NumberRange[] => (first > largest ? [] : [[first, Math.min(last, largest)]]));
}
