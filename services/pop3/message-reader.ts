// Reads the messages of a maildrop as clients ask for them, from first to last: one query finds the content of many, and while a client takes a
// message the next ones are being read. Owns what it has read ahead. Fails with the store's errors.
import type { MailboxStore, MessageContent, Octets } from '#shared/mailstore/mailbox-store.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';

/** Messages whose content is looked up with that of one before them. */
const LOOK_AHEAD = 63;
/** Octets that are read ahead, of one message or of several: to wait for the disk costs more than to read. */
const READ_AHEAD = 131_072;

export class MessageReader {
  readonly #mailbox: MailboxStore;
  readonly #uids: Uint32Array;
  /** By UID: where content is. */
  readonly #found = new Map<number, MessageContent>();
  /** By number, ascending. */
  readonly #ahead = new Map<number, Promise<Octets>>();
  /** The message that was read last. */
  #last = 0;

  /** `uids` are those of the messages 1, 2, 3 and so on. */
  constructor(mailbox: MailboxStore, uids: Uint32Array) {
    this.#mailbox = mailbox;
    this.#uids = uids;
  }

  /**
   * The octets of a message: what cannot be read at all throws here, before an answer has begun. Null when another session (IMAP) has
   * removed it.
   */
  async read(number: number): Promise<Octets | null> {
    const inOrder = number === this.#last + 1;
    this.#last = number;
    try {
      const octets = await (this.#takeAhead(number) ?? this.#open(number, inOrder));
      // When the client has this one on its way.
      if (inOrder) setImmediate(() => this.#readAhead(number + 1));
      return octets;
    } catch (error) {
      if (!(error instanceof ContentMissingError)) throw error;
      // What was found earlier may have gone since.
      this.#found.clear();
      if (await this.#find(number, false)) throw error;
      return null;
    }
  }

  /** Gives up what was read ahead. */
  close(): void {
    this.#ahead.clear();
  }

  async #open(number: number, inOrder: boolean): Promise<Octets | null> {
    const content = await this.#find(number, inOrder);
    return content && (await content.open());
  }

  async #find(number: number, inOrder: boolean): Promise<MessageContent | null> {
    const uid = this.#uids[number - 1] ?? 0;
    const known = this.#found.get(uid);
    if (known) return known;
    this.#found.clear();
    const last = inOrder ? Math.min(number + LOOK_AHEAD, this.#uids.length) : number;
    for await (const batch of this.#mailbox.messages([[uid, this.#uids[last - 1] ?? uid]])) {
      for (const info of batch) this.#found.set(info.uid, info.content);
    }
    return this.#found.get(uid) ?? null;
  }

  /** Reads the messages from this one on, when none is there already. */
  #readAhead(first: number): void {
    if (this.#ahead.size > 0) return;
    let left = READ_AHEAD;
    for (let number = first; ; number++) {
      const content = this.#found.get(this.#uids[number - 1] ?? 0);
      if (!content || content.size > left) return;
      left -= content.size;
      const octets = content.open();
      // Whoever asks for the message hears of it.
      octets.catch(() => undefined);
      this.#ahead.set(number, octets);
    }
  }

  /** What was read ahead of this message; the rest, too, is given up when it is another. */
  #takeAhead(number: number): Promise<Octets> | undefined {
    const octets = this.#ahead.get(number);
    if (octets) this.#ahead.delete(number);
    else this.#ahead.clear();
    return octets;
  }
}
