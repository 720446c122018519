// An IMAP client that keeps the mailbox as it was told of it (numbers, UIDs, flags, modseqs), and tells a History what cannot be: a number without a
// message, a UID that comes after a higher one, a modseq that goes back. Owns one connection.
import { ImapClient } from '../../imap/testing/imap-client.ts';
import { type Final, type History, type Key, keyOf } from './mail-history.ts';
import { PASSWORD } from './mail-pods.ts';

export interface Entry {
  /** Null: it EXISTS, and was not asked for. */
  uid: number | null;
  /** 0: not told. */
  modseq: number;
  /** Null: not told since we changed them in silence. */
  flags: string | null;
  token: string | null;
  /** Its UID lies between what was told when we heard of it. */
  readonly above: number;
  readonly below: number;
}

export interface Box {
  readonly name: string;
  uidvalidity: number;
  readonly entries: Entry[];
  /** The highest UID that ever was here. */
  highest: number;
  /** All is known up to this. */
  modseq: number;
}

export type Mode = 'plain' | 'condstore' | 'qresync' | 'rev2';
/** RFC 9051 section 7.5.1: no number moves while these run. */
const NUMBERED = /^(?:FETCH|STORE|SEARCH) /;

export class ViewingClient implements AsyncDisposable {
  readonly account: string;
  readonly mode: Mode;
  readonly history: History;
  box: Box | null = null;
  readonly #client: ImapClient;
  #command = '';

  private constructor(client: ImapClient, account: string, mode: Mode, history: History) {
    this.#client = client;
    this.account = account;
    this.mode = mode;
    this.history = history;
  }

  static async logIn(port: number, account: string, mode: Mode, history: History, patience = 30_000): Promise<ViewingClient> {
    const client = await ImapClient.connect({ port, patience });
    const viewing = new ViewingClient(client, account, mode, history);
    try {
      await viewing.ok(`LOGIN ${account} "${PASSWORD}"`);
      if (mode !== 'plain') await viewing.ok(`ENABLE ${{ condstore: 'CONDSTORE', qresync: 'QRESYNC', rev2: 'CONDSTORE IMAP4rev2' }[mode]}`);
      return viewing;
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Takes in all that is said up to the tagged response; gives that and the untagged ones. */
  async command(text: string, literal?: string): Promise<{ readonly tagged: string; readonly untagged: readonly string[] }> {
    this.#command = text;
    return await this.#answer(this.#client.send(literal === undefined ? text : `${text}${literal}`));
  }

  async ok(text: string): Promise<readonly string[]> {
    const { tagged, untagged } = await this.command(text);
    if (!tagged.startsWith('OK')) throw new Refused(`${text}: ${tagged}`);
    return untagged;
  }

  /** SELECT; with QRESYNC from what was known of it, which is brought up to date. */
  async select(name: string, known: Box | null = null, verb = 'SELECT'): Promise<Box> {
    const { history, account } = this;
    const resumed = this.mode === 'qresync' && known && known.entries.every(({ uid }) => uid !== null) ? known : null;
    const box: Box = { name, uidvalidity: resumed?.uidvalidity ?? 0, entries: [], highest: 0, modseq: 0 };
    this.box = null;
    const before = new Map(known ? [[known.uidvalidity, history.floor(account, known.uidvalidity)]] : []);
    const { tagged, untagged } = await this.command(`${verb} ${name}${resumed ? ` (QRESYNC (${resumed.uidvalidity} ${resumed.modseq}))` : ''}`);
    if (!tagged.startsWith('OK')) throw new Refused(`${verb} ${name}: ${tagged}`);
    const all = untagged.join('\n');
    const number = (pattern: RegExp) => Number(pattern.exec(all)?.[1] ?? Number.NaN);
    const [exists, uidvalidity, uidnext, modseq] = [
      number(/^(\d+) EXISTS/m),
      number(/\[UIDVALIDITY (\d+)/),
      number(/\[UIDNEXT (\d+)/),
      number(/\[HIGHESTMODSEQ (\d+)/),
    ];
    history.mailbox(account, uidvalidity, /\[MAILBOXID \(([^)]*)/.exec(all)?.[1] ?? '');
    const floor = before.get(uidvalidity);
    if (floor && (uidnext <= floor.uid || modseq < floor.modseq))
      history.problem(`${account} ${name} ${uidvalidity} has UIDNEXT ${uidnext} and HIGHESTMODSEQ ${modseq} after UID ${floor.uid} and modseq ${floor.modseq}`);
    history.told(account, uidvalidity, { modseq });
    const goesOn = resumed !== null && resumed.uidvalidity === uidvalidity;
    Object.assign(box, { uidvalidity, modseq }, goesOn && { highest: resumed.highest });
    this.box = box;
    if (goesOn) this.#resume(resumed, untagged, exists);
    else box.entries.push(...Array.from({ length: exists }, () => unknown(0, uidnext)));
    // What was told in the course of it: changes since then, and news.
    const told = untagged.findIndex((response) => response.includes('[MAILBOXID'));
    for (const response of untagged.slice(told + 1)) this.#take(response);
    await this.complete();
    return box;
  }

  /** Asks for what EXISTS and is not known. */
  async complete(): Promise<void> {
    const { box } = this;
    const items = `(UID FLAGS${this.mode === 'plain' ? '' : ' MODSEQ'} BODY.PEEK[HEADER.FIELDS (X-Token)])`;
    for (let first = firstUnknown(box); box && this.box === box && first > 0; first = firstUnknown(box)) {
      await this.ok(`FETCH ${first}:${box.entries.length} ${items}`);
      // What was expunged meanwhile is not answered, and told only now.
      if (firstUnknown(box) > 0) await this.ok('NOOP');
    }
  }

  /** Begins to idle; `until` resolves when the client has said DONE and was answered. */
  async idle(): Promise<{ readonly done: () => Promise<void> }> {
    this.#command = 'IDLE';
    const tag = this.#client.send('IDLE');
    const going = Promise.withResolvers<void>();
    const ended = this.#answer(tag, going.resolve);
    ended.catch(going.reject);
    await going.promise;
    return {
      done: async () => {
        this.#client.dialogue.send('DONE');
        await ended;
      },
    };
  }

  /** The last of what was said, to be told with a problem. */
  get said(): string {
    return this.#client.dialogue.said.slice(-12).join(' | ');
  }

  /** Keys of the messages that are known. */
  keys(): readonly Key[] {
    const { box, account } = this;
    return box?.entries.flatMap(({ uid }) => (uid === null ? [] : [keyOf(account, box.uidvalidity, uid)])) ?? [];
  }

  /** What differs from the mailbox as it is in the end; what this client was not told is not compared. */
  differsFrom(final: Final | undefined): readonly string[] {
    const { box } = this;
    if (!box || !final) return box || final ? ['one has no mailbox'] : [];
    if (box.entries.length !== final.messages.length) return [`${box.entries.length} messages, not ${final.messages.length}`];
    return box.entries.flatMap(({ uid, flags, modseq }, index) => {
      const there = final.messages[index];
      const same =
        (uid === null || uid === there?.uid) && (flags === null || uid === null || flags === there?.flags) && (modseq === 0 || modseq === there?.modseq);
      return same ? [] : [`${index + 1} is ${uid} (${flags}) ${modseq}, not ${there?.uid} (${there?.flags}) ${there?.modseq}`];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async #answer(tag: string, going = () => {}): Promise<{ readonly tagged: string; readonly untagged: readonly string[] }> {
    const untagged: string[] = [];
    for (;;) {
      const response = await this.#client.response();
      if (response.startsWith(`${tag} `)) return { tagged: response.slice(tag.length + 1), untagged };
      if (response.startsWith('+ ')) going();
      else this.#take(response.slice(2));
      untagged.push(response.slice(2));
    }
  }

  #take(response: string): void {
    const { box } = this;
    if (response.startsWith('BYE')) throw new Gone(response);
    if (!box) return;
    const [, number, what, rest = ''] = /^(\d+) (EXISTS|EXPUNGE|FETCH)(.*)$/s.exec(response) ?? [];
    if (what === 'EXISTS') this.#exists(box, Number(number));
    if (what === 'EXPUNGE') this.#expunged(box, Number(number));
    if (what === 'FETCH') this.#fetched(box, Number(number), rest);
    const vanished = /^VANISHED ([\d:,]+)$/.exec(response)?.[1];
    if (vanished) this.#vanished(box, numbersOf(vanished));
  }

  #exists({ name, entries, highest }: Box, count: number): void {
    if (count < entries.length) this.history.problem(`${this.account} ${name}: ${count} EXISTS after ${entries.length}`);
    while (entries.length < count) entries.push(unknown(highest));
  }

  #expunged(box: Box, number: number): void {
    const [entry] = box.entries.splice(number - 1, 1);
    if (!entry || number === 0) this.history.problem(`${this.account} ${box.name}: ${number} EXPUNGE of ${box.entries.length}`);
    if (NUMBERED.test(this.#command)) this.history.problem(`${this.account} ${box.name}: EXPUNGE within ${this.#command}`);
    if (entry?.uid) this.history.gone(keyOf(this.account, box.uidvalidity, entry.uid));
  }

  /** Those that this client has not asked for are above all that it has. */
  #vanished(box: Box, uids: readonly number[]): void {
    if (NUMBERED.test(this.#command)) this.history.problem(`${this.account} ${box.name}: VANISHED within ${this.#command}`);
    for (const uid of uids) {
      this.history.gone(keyOf(this.account, box.uidvalidity, uid));
      const place = placeOf(box.entries, uid);
      if (place < 0) this.history.problem(`${this.account} ${box.name}: VANISHED ${uid}, which was not there`);
      else box.entries.splice(place, 1);
      box.highest = Math.max(box.highest, uid);
    }
  }

  #fetched(box: Box, number: number, text: string): void {
    const entry = box.entries[number - 1];
    const where = `${this.account} ${box.name} ${number}`;
    if (!entry) return this.history.problem(`${where}: FETCH of ${box.entries.length}`);
    const uid = Number(/[( ]UID (\d+)/.exec(text)?.[1] ?? entry.uid ?? 0);
    const modseq = Number(/MODSEQ \((\d+)\)/.exec(text)?.[1] ?? 0);
    const flags = flagsIn(text);
    if (uid === 0) return;
    if (entry.uid === null) this.#learnt(box, number, entry, uid);
    else if (entry.uid !== uid) this.history.problem(`${where} is UID ${uid}, and was ${entry.uid}`);
    const key = keyOf(this.account, box.uidvalidity, uid);
    if (modseq > 0 && modseq < entry.modseq) this.history.problem(`${where}: modseq ${modseq} after ${entry.modseq}`);
    if (modseq > 0 && flags !== null) this.history.flags(key, modseq, flags);
    if (flags !== null) entry.flags = flags;
    else if (modseq > entry.modseq) entry.flags = null;
    entry.modseq = Math.max(entry.modseq, modseq);
    const token = /^X-Token: (\S+)/im.exec(text)?.[1];
    if (token) {
      entry.token = token;
      this.history.seen(key, token);
    }
    if (modseq > 0) this.history.told(this.account, box.uidvalidity, { modseq });
  }

  #learnt(box: Box, number: number, entry: Entry, uid: number): void {
    const before = box.entries.slice(0, number - 1).findLast((other) => other.uid !== null)?.uid ?? 0;
    const after = box.entries.slice(number).find((other) => other.uid !== null)?.uid ?? Number.POSITIVE_INFINITY;
    if (uid <= Math.max(before, entry.above) || uid >= Math.min(after, entry.below))
      this.history.problem(`${this.account} ${box.name} ${number}: UID ${uid} is not between ${before} and ${after}, ${entry.above} and ${entry.below}`);
    entry.uid = uid;
    box.highest = Math.max(box.highest, uid);
    this.history.told(this.account, box.uidvalidity, { uid });
  }

  /** RFC 7162 section 3.2.5.1: from what was known before, what vanished and what is new or changed. */
  #resume(known: Box, responses: readonly string[], exists: number): void {
    const box = this.box as Box;
    const vanished = new Set(responses.flatMap((response) => numbersOf(/^VANISHED \(EARLIER\) ([\d:,]+)$/.exec(response)?.[1] ?? '')));
    for (const uid of vanished) {
      if (known.entries.some((entry) => entry.uid === uid)) this.history.gone(keyOf(this.account, box.uidvalidity, uid));
    }
    box.entries.push(...known.entries.filter(({ uid }) => uid === null || !vanished.has(uid)).map((entry) => ({ ...entry })));
    while (box.entries.length < exists) box.entries.push(unknown(known.highest));
    if (box.entries.length > exists) this.history.problem(`${this.account} ${box.name}: ${exists} EXISTS, ${box.entries.length} after what vanished`);
  }
}

/** The server says NO or BAD. */
export class Refused extends Error {}
/** The server says BYE. */
export class Gone extends Error {}

const unknown = (above: number, below = Number.POSITIVE_INFINITY): Entry => ({ uid: null, modseq: 0, flags: null, token: null, above, below });
const firstUnknown = (box: Box | null): number => (box?.entries.findIndex(({ uid, token }) => uid === null || token === null) ?? -1) + 1;

/** Where the message is, or what may be it: not asked for, between those with lower and those with higher UIDs. */
function placeOf(entries: readonly Entry[], uid: number): number {
  const known = entries.findIndex((entry) => entry.uid === uid);
  if (known >= 0) return known;
  const higher = entries.findIndex((entry) => entry.uid !== null && entry.uid > uid);
  const among = higher < 0 ? entries : entries.slice(0, higher);
  return among.findLastIndex((entry) => entry.uid === null && entry.above < uid);
}

/** Sorted, without \Recent; null: there are none in it. */
export function flagsIn(text: string): string | null {
  const inside = /FLAGS \(([^)]*)\)/.exec(text)?.[1];
  if (inside === undefined) return null;
  return inside
    .split(' ')
    .filter((flag) => flag !== '' && flag !== '\\Recent')
    .sort()
    .join(' ');
}

/** `1:3,7`. */
export function numbersOf(set: string): readonly number[] {
  return set
    .split(',')
    .filter(Boolean)
    .flatMap((range) => {
      const [first = 0, last = first] = range.split(':').map(Number);
      return Array.from({ length: Math.abs(last - first) + 1 }, (_, index) => Math.min(first, last) + index);
    });
}
