// What clients of one mail store were told, all of it, and the judgement: against each other while they are told, and against what is there in the
// end. A key names a message for ever: account, UIDVALIDITY, UID. Owns the list of what was wrong.

export type Key = `${string} ${number} ${number}`;
export const keyOf = (account: string, uidvalidity: number, uid: number): Key => `${account} ${uidvalidity} ${uid}`;

export interface Held {
  readonly uid: number;
  /** Sorted, without \Recent. */
  readonly flags: string;
  readonly modseq: number;
  readonly token: string;
}

/** A mailbox as it is in the end. */
export interface Final {
  readonly account: string;
  readonly name: string;
  readonly uidvalidity: number;
  readonly messages: readonly Held[];
}

/** An operation whose end is not known yet, or never: its connection was lost. */
export interface Begun {
  readonly account: string;
  readonly kind: 'append' | 'copy' | 'move' | 'expunge' | 'create' | 'delete';
  /** Messages that it may take away. */
  readonly takes: readonly Key[];
  /** Texts that it may store once more. */
  readonly stores: readonly string[];
}

export class History {
  readonly problems: string[] = [];
  /** How many operations ended well, by name. */
  readonly done = new Map<string, number>();
  readonly open = new Set<Begun>();
  /** Every text that was ever seen under a key. */
  readonly #tokens = new Map<Key, string>();
  /** Keys that an answer gave: APPENDUID, COPYUID. */
  readonly #given = new Set<Key>();
  readonly #copies = new Map<Key, Key>();
  readonly #gone = new Set<Key>();
  /** Keys that somebody has asked to take away. */
  readonly #doomed = new Set<Key>();
  readonly #flags = new Map<string, string>();
  /** Texts by recipient that SMTP has acknowledged, or may have taken. */
  readonly #accepted = new Map<string, 'yes' | 'perhaps'>();
  /** The highest UID and modseq that anybody was told, by account and UIDVALIDITY. */
  readonly #floors = new Map<string, { uid: number; modseq: number }>();
  readonly #ids = new Map<string, string>();

  problem(what: string): void {
    if (this.problems.length < 50) this.problems.push(what);
  }

  count(what: string): void {
    this.done.set(what, (this.done.get(what) ?? 0) + 1);
  }

  begin(begun: Begun): Begun {
    this.open.add(begun);
    for (const key of begun.takes) this.#doomed.add(key);
    return begun;
  }

  /** It ended as `kind` and is known now. */
  end(begun: Begun): void {
    this.open.delete(begun);
  }

  /** SMTP took it, or its connection was lost before it said so. */
  accepted(token: string, recipients: readonly string[], sure: 'yes' | 'perhaps'): void {
    for (const recipient of recipients) this.#accepted.set(`${recipient} ${token}`, sure);
  }

  /** An answer gave this UID: nobody else may have got it, and it lies above all that were told before the command was sent. */
  given(account: string, uidvalidity: number, uid: number, { token, copyOf, above }: { token?: string; copyOf?: Key; above: Floors }): void {
    const key = keyOf(account, uidvalidity, uid);
    if (this.#given.has(key)) this.problem(`${key} was given twice`);
    this.#given.add(key);
    if (token !== undefined) this.seen(key, token);
    if (copyOf !== undefined) {
      this.#copies.set(key, copyOf);
      if (this.#doomed.has(copyOf)) this.#doomed.add(key); // \Deleted is copied, too
    }
    const floor = above.get(`${account} ${uidvalidity}`) ?? 0;
    if (uid <= floor) this.problem(`${key} was given after ${floor} had been seen`);
    this.told(account, uidvalidity, { uid });
  }

  /** UIDs that are known now: whatever is given from now on is higher. */
  floors(): Floors {
    return new Map([...this.#floors].map(([box, { uid }]) => [box, uid]));
  }

  floor(account: string, uidvalidity: number): { readonly uid: number; readonly modseq: number } {
    return { ...(this.#floors.get(`${account} ${uidvalidity}`) ?? { uid: 0, modseq: 0 }) };
  }

  told(account: string, uidvalidity: number, { uid = 0, modseq = 0 }: { uid?: number; modseq?: number }): void {
    const box = `${account} ${uidvalidity}`;
    const floor = this.#floors.get(box) ?? { uid: 0, modseq: 0 };
    this.#floors.set(box, { uid: Math.max(uid, floor.uid), modseq: Math.max(modseq, floor.modseq) });
  }

  /** RFC 8474 section 4: a mailbox has one UIDVALIDITY here, and a UIDVALIDITY one mailbox. */
  mailbox(account: string, uidvalidity: number, id: string): void {
    for (const [one, other] of [
      [`${account} uidvalidity ${uidvalidity}`, id],
      [`${account} id ${id}`, String(uidvalidity)],
    ] as const) {
      const known = this.#ids.get(one);
      if (known !== undefined && known !== other) this.problem(`${one} is ${other} and was ${known}`);
      this.#ids.set(one, other);
    }
  }

  seen(key: Key, token: string): void {
    const known = this.#tokens.get(key);
    if (known !== undefined && known !== token) this.problem(`${key} is ${token} and was ${known}`);
    this.#tokens.set(key, token);
  }

  tokenOf(key: Key): string | undefined {
    const copied = this.#copies.get(key);
    return this.#tokens.get(key) ?? (copied && this.tokenOf(copied));
  }

  /** One modseq, one set of flags: whoever is told. */
  flags(key: Key, modseq: number, flags: string): void {
    const known = this.#flags.get(`${key} ${modseq}`);
    if (known !== undefined && known !== flags) this.problem(`${key} has at modseq ${modseq} flags (${flags}), and had (${known})`);
    this.#flags.set(`${key} ${modseq}`, flags);
  }

  /** Somebody was told that it is gone. */
  gone(key: Key): void {
    if (!this.#doomed.has(key)) this.problem(`${key} is gone, and nobody has asked for it`);
    this.#gone.add(key);
  }

  doom(keys: readonly Key[]): void {
    for (const key of keys) this.#doomed.add(key);
  }

  /** Holds all that was told against what is there. */
  judge(final: readonly Final[]): void {
    const live = new Map<Key, string>();
    for (const { account, uidvalidity, messages } of final)
      for (const { uid, token } of messages) {
        const key = keyOf(account, uidvalidity, uid);
        live.set(key, token);
        const known = this.tokenOf(key);
        if (known !== undefined && known !== token) this.problem(`${key} is ${token}, and was ${known}`);
        this.seen(key, token);
        if (this.#gone.has(key)) this.problem(`${key} is there, and was said to be gone`);
      }
    const here = new Set(final.map(({ account, uidvalidity }) => `${account} ${uidvalidity}`));
    // A mailbox that was seen is there, or one DELETE took it.
    const deleted = (this.done.get('DELETE') ?? 0) + [...this.open].filter(({ kind }) => kind === 'delete').length;
    const away = [...this.#floors.keys()].filter((box) => !here.has(box));
    if (away.length > deleted) this.problem(`${away.length} mailboxes are gone, ${deleted} were deleted: ${away.join(', ')}`);
    for (const key of this.#given) if (here.has(boxOf(key)) && !live.has(key) && !this.#doomed.has(key)) this.problem(`${key} is lost`);
    this.#judgeCopies(live, here);
  }

  /** Each text: once for what stored it, and perhaps once more for each operation whose end is not known. */
  #judgeCopies(live: ReadonlyMap<Key, string>, here: ReadonlySet<string>): void {
    const unexplained = Map.groupBy(
      [...this.#tokens].filter(([key]) => !this.#given.has(key)),
      ([key, token]) => `${key.split(' ')[0]} ${token}`,
    );
    const unsure = Map.groupBy(
      [...this.open].flatMap(({ account, stores }) => stores.map((token) => `${account} ${token}`)),
      (text) => text,
    );
    for (const [text, keys] of unexplained) {
      const delivered = this.#accepted.has(text) ? 1 : 0;
      const most = delivered + (unsure.get(text)?.length ?? 0);
      if (keys.length > most) this.problem(`${text} is there ${keys.length} times more than it was stored: ${keys.map(([key]) => key).join(', ')}`);
      for (const [key] of keys) if (here.has(boxOf(key)) && !live.has(key) && !this.#doomed.has(key)) this.problem(`${key} was seen, and is lost`);
    }
    for (const [text, sure] of this.#accepted) if (sure === 'yes' && !unexplained.has(text)) this.problem(`${text} was acknowledged to SMTP, and never seen`);
    this.#judgeMoves(live, here);
  }

  /** A move whose end is not known has left each message in its old place or in its new one. */
  #judgeMoves(live: ReadonlyMap<Key, string>, here: ReadonlySet<string>): void {
    for (const { kind, takes } of this.open)
      for (const key of kind === 'move' ? takes : []) {
        const token = this.tokenOf(key);
        const elsewhere = [...this.#tokens].some(([other, its]) => its === token && other !== key && !this.#given.has(other));
        if (here.has(boxOf(key)) && !live.has(key) && !this.#gone.has(key) && !elsewhere) this.problem(`${key} (${token}) is in neither place after a move`);
      }
  }
}

export type Floors = ReadonlyMap<string, number>;
const boxOf = (key: Key): string => key.split(' ').slice(0, 2).join(' ');
