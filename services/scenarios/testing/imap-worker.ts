// An IMAP client that does what its seed says in the mailboxes of one account, among others that do the same: what it does is told to a History before it
// is sent and after it is answered. Owns one connection at a time.
import { setTimeout as pause } from 'node:timers/promises';
import { type Begun, type Floors, type Key, keyOf } from './mail-history.ts';
import { messageOf, type Work } from './mail-workers.ts';
import { type Box, Gone, type Mode, numbersOf, Refused, ViewingClient } from './viewing-client.ts';

const FLAGS = ['\\Seen', '\\Flagged', '\\Answered', '$Work', '$Later'];
/** Mailboxes that stay, and those that are made, renamed and deleted. */
export const STEADY = ['INBOX', 'Drafts', 'Junk'];
const PASSING = ['T1', 'T2', 'T3'];
const MODES: readonly Mode[] = ['plain', 'condstore', 'qresync', 'rev2'];

interface Some {
  /** As the command names them, by number or by UID. */
  readonly set: string;
  readonly prefix: '' | 'UID ';
  readonly uids: readonly number[];
}

export class ImapWorker {
  readonly #work: Work;
  readonly #known = new Map<string, Box>();
  #client: ViewingClient | null = null;
  #texts = 0;

  constructor(work: Work) {
    this.#work = work;
  }

  /** Ends with its last view, still logged in, or null. */
  async run(): Promise<ViewingClient | null> {
    const { killed, goesOn } = this.#work;
    while (goesOn()) {
      try {
        await this.#step(this.#client ?? (await this.#connect()));
      } catch (error) {
        if (error instanceof Refused && /NONEXISTENT/.test(error.message)) continue;
        const deleted = error instanceof Gone && /deleted/.test(error.message);
        if (!deleted && !killed) this.#problem(`${error} ${this.#client?.said}`);
        await this.#disconnect();
        if (killed) await pause(50);
      }
    }
    return this.#client;
  }

  async #connect(): Promise<ViewingClient> {
    const { pods, account, history } = this.#work;
    this.#client = await ViewingClient.logIn(this.#any(pods.imap).port, account, this.#any(MODES), history);
    await this.#select(this.#client, this.#any(STEADY));
    return this.#client;
  }

  async #disconnect(): Promise<void> {
    await this.#client?.[Symbol.asyncDispose]();
    this.#client = null;
  }

  async #step(client: ViewingClient): Promise<void> {
    const roll = this.#work.random();
    if (roll < 0.24) await this.#append(client);
    else if (roll < 0.34) await this.#transfer(client, 'COPY');
    else if (roll < 0.46) await this.#transfer(client, 'MOVE');
    else if (roll < 0.66) await this.#store(client);
    else if (roll < 0.73) await this.#expunge(client);
    else if (roll < 0.78) await this.#search(client);
    else if (roll < 0.83) await this.#tree(client);
    else if (roll < 0.92) await this.#select(client, this.#any([...STEADY, ...STEADY, ...PASSING]));
    else if (roll < 0.98) await client.ok('NOOP');
    else return await this.#disconnect();
    await client.complete();
    if (!client.box) await this.#select(client, this.#any(STEADY));
  }

  async #select(client: ViewingClient, name: string): Promise<void> {
    if (client.box) this.#known.set(client.box.name, client.box);
    await client.select(name, this.#work.random() < 0.7 ? (this.#known.get(name) ?? null) : null);
    this.#work.history.count('SELECT');
  }

  async #append(client: ViewingClient): Promise<void> {
    const { random, history, account, name } = this.#work;
    const stores = Array.from({ length: random() < 0.3 ? 3 : 1 }, () => `${name}-${++this.#texts}`);
    const messages = stores.map((token) => messageOf(token, Math.floor(random() * 3000)));
    const literals = messages.map((message) => ` (${this.#any(FLAGS)}) {${message.length}+}\r\n${message}`).join('');
    const begun = this.#begin('append', { stores });
    const above = history.floors();
    const { tagged } = await client.command(`APPEND ${this.#any([...STEADY, ...PASSING])}`, literals);
    history.end(begun);
    const [, uidvalidity, set = ''] = /^OK \[APPENDUID (\d+) ([\d:,]+)\]/.exec(tagged) ?? [];
    if (!uidvalidity) return this.#expect(tagged, /TRYCREATE/);
    for (const [index, uid] of numbersOf(set).entries()) history.given(account, Number(uidvalidity), uid, { token: stores[index] ?? '', above });
    history.count('APPEND');
  }

  async #transfer(client: ViewingClient, verb: 'COPY' | 'MOVE'): Promise<void> {
    const { history } = this.#work;
    const some = this.#pick(client);
    if (!some || !client.box) return;
    const { uidvalidity } = client.box;
    const those = this.#keys(client, some.uids);
    const stores = those.flatMap((key) => history.tokenOf(key) ?? []);
    const begun = this.#begin(verb === 'MOVE' ? 'move' : 'copy', { stores, takes: verb === 'MOVE' ? those : [] });
    const above = history.floors();
    const { tagged, untagged } = await client.command(`${some.prefix}${verb} ${some.set} ${this.#any([...STEADY, ...PASSING])}`);
    history.end(begun);
    for (const response of [tagged, ...untagged]) this.#copied(response, uidvalidity, above, verb === 'MOVE');
    this.#expect(tagged, /^OK|TRYCREATE|EXPUNGEISSUED/);
    history.count(verb);
  }

  #copied(response: string, uidvalidity: number, above: Floors, moved: boolean): void {
    const { history, account } = this.#work;
    const [, to, from = '', given = ''] = /^OK \[COPYUID (\d+) ([\d:,]+) ([\d:,]+)\]/.exec(response) ?? [];
    if (!to) return;
    const targets = numbersOf(given);
    for (const [index, uid] of numbersOf(from).entries()) {
      const copyOf = keyOf(account, uidvalidity, uid);
      history.given(account, Number(to), targets[index] ?? 0, { copyOf, above });
      if (moved) history.gone(copyOf);
    }
  }

  async #store(client: ViewingClient): Promise<void> {
    const { random, history } = this.#work;
    const some = this.#pick(client);
    if (!some || !client.box) return;
    const { entries, modseq } = client.box;
    const silent = random() < 0.4 ? '.SILENT' : '';
    const since = client.mode !== 'plain' && random() < 0.3 ? `(UNCHANGEDSINCE ${modseq}) ` : '';
    const { tagged } = await client.command(`${some.prefix}STORE ${some.set} ${since}${this.#any(['', '+', '-'])}FLAGS${silent} (${this.#any(FLAGS)})`);
    for (const entry of entries) if (silent && some.uids.includes(entry.uid ?? 0)) entry.flags = null;
    this.#expect(tagged, /^OK/);
    history.count('STORE');
  }

  async #expunge(client: ViewingClient): Promise<void> {
    const { random, history } = this.#work;
    const some = this.#pick(client);
    if (!some) return;
    const begun = this.#begin('expunge', { takes: this.#keys(client, some.uids) });
    const set = some.uids.join(',');
    await client.ok(`UID STORE ${set} +FLAGS (\\Deleted)`);
    await client.ok(random() < 0.5 ? `UID EXPUNGE ${set}` : 'EXPUNGE');
    history.end(begun);
    // Somebody may have taken \Deleted from it in between; then we were told.
    for (const { uid, flags } of client.box?.entries ?? [])
      if (some.uids.includes(uid ?? 0) && flags?.includes('\\Deleted'))
        this.#problem(`${client.box?.name} ${uid} is there after EXPUNGE (${client.mode}): ${client.said}`);
    history.count('EXPUNGE');
  }

  async #search(client: ViewingClient): Promise<void> {
    const entry = this.#any(client.box?.entries ?? []);
    if (!entry?.token || entry.uid === null) return;
    const found = await client.ok(`UID SEARCH HEADER X-Token ${entry.token}`);
    const uids = found.filter((response) => /^E?SEARCH/.test(response)).flatMap((response) => response.match(/(?<=[ ,:])\d+(?=[ ,:]|$)/g) ?? []);
    if (uids.length === 0) await client.ok('NOOP');
    if (uids.length === 0 && client.box?.entries.includes(entry)) this.#problem(`SEARCH in ${client.box.name} does not find ${entry.token}`);
    this.#work.history.count('SEARCH');
  }

  async #tree(client: ViewingClient): Promise<void> {
    const { history } = this.#work;
    const name = this.#any(PASSING);
    const verb = this.#any(['CREATE', 'CREATE', 'RENAME', 'DELETE'] as const);
    const begun = this.#begin(verb === 'DELETE' ? 'delete' : 'create');
    const { tagged, untagged } = await client.command(verb === 'RENAME' ? `RENAME ${name} ${this.#any(PASSING)}` : `${verb} ${name}`);
    history.end(begun);
    this.#expect(tagged, /^OK|NONEXISTENT|ALREADYEXISTS/);
    if (tagged.startsWith('OK')) history.count(verb);
    // It was the mailbox that we have open.
    if (untagged.some((response) => response.startsWith('OK [CLOSED]'))) client.box = null;
  }

  /** One to three that are known; numbers and UIDs name the same. */
  #pick({ box }: ViewingClient): Some | null {
    const { random } = this.#work;
    const entries = box?.entries ?? [];
    const places = entries.flatMap(({ uid }, index) => (uid === null ? [] : [index]));
    if (places.length === 0) return null;
    const chosen = [...new Set(Array.from({ length: 1 + Math.floor(random() * 3) }, () => this.#any(places)))].sort((a, b) => a - b);
    const uids = chosen.map((place) => entries[place]?.uid as number);
    if (random() < 0.6) return { set: uids.join(','), prefix: 'UID ', uids };
    return { set: chosen.map((place) => place + 1).join(','), prefix: '', uids };
  }

  #keys({ box }: ViewingClient, uids: readonly number[]): readonly Key[] {
    return uids.map((uid) => keyOf(this.#work.account, box?.uidvalidity ?? 0, uid));
  }

  #begin(kind: Begun['kind'], more: Partial<Begun> = {}): Begun {
    const { history, account } = this.#work;
    return history.begin({ account, kind, takes: [], stores: [], ...more });
  }

  #expect(tagged: string, pattern: RegExp): void {
    if (!pattern.test(tagged)) this.#problem(tagged);
  }

  #problem(what: string): void {
    this.#work.history.problem(`${this.#work.name} (${this.#work.account}): ${what}`);
  }

  #any<T>(all: readonly T[]): T {
    return all[Math.floor(this.#work.random() * all.length)] as T;
  }
}
