// Reads the messages of a maildrop as clients ask for them, from first to last: one query finds the content of many, and while a client takes a
// message the next one is being read. Owns what it has read ahead. Fails with the store's errors.
import type { MailboxStore, MessageContent } from '#shared/mailstore/mailbox-store.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';

/** Messages whose content is looked up with that of one before them. */
const LOOK_AHEAD = 63;
/** Octets of a message that is read ahead. */
const READ_AHEAD = 131_072;

/** A message whose shared content has begun to be read. */
interface Begun {
  readonly ownHeader: Buffer;
  readonly first: IteratorResult<Buffer>;
  readonly rest: AsyncIterator<Buffer>;
}

export class MessageReader {
  readonly #mailbox: MailboxStore;
  readonly #uids: Uint32Array;
  /** By UID: where content is. */
  readonly #found = new Map<number, MessageContent>();
  #ahead: { readonly number: number; readonly begun: Promise<Begun> } | null = null;
  /** The message that was read last. */
  #last = 0;

  /** `uids` are those of the messages 1, 2, 3 and so on. */
  constructor(mailbox: MailboxStore, uids: Uint32Array) {
    this.#mailbox = mailbox;
    this.#uids = uids;
  }

  /**
   * The octets of a message, their beginning read: what cannot be read at all throws here, before an answer has begun. Null when another
   * session (IMAP) has removed it.
   */
  async read(number: number): Promise<AsyncIterable<Buffer> | null> {
    const inOrder = number === this.#last + 1;
    this.#last = number;
    try {
      const begun = await (this.#takeAhead(number) ?? this.#begin(number, inOrder));
      if (inOrder) this.#readAhead(number + 1);
      return begun && whole(begun);
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
    // A message that could not be read has nothing to give up.
    this.#ahead?.begun.then(({ rest }) => rest.return?.()).catch(() => undefined);
    this.#ahead = null;
  }

  async #begin(number: number, inOrder: boolean): Promise<Begun | null> {
    const content = await this.#find(number, inOrder);
    return content && (await begin(content));
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

  #readAhead(number: number): void {
    const content = this.#found.get(this.#uids[number - 1] ?? 0);
    if (!content || content.size > READ_AHEAD) return;
    const begun = begin(content);
    // Whoever asks for the message hears of it.
    begun.catch(() => undefined);
    this.#ahead = { number, begun };
  }

  /** What was read ahead, when it is this message; anything else is given up. */
  #takeAhead(number: number): Promise<Begun> | null {
    if (this.#ahead?.number !== number) {
      this.close();
      return null;
    }
    const { begun } = this.#ahead;
    this.#ahead = null;
    return begun;
  }
}

async function begin(content: MessageContent): Promise<Begun> {
  const { ownHeader } = content;
  const rest = content.read(ownHeader.length)[Symbol.asyncIterator]();
  return { ownHeader, first: await rest.next(), rest };
}

async function* whole({ ownHeader, first, rest }: Begun): AsyncGenerator<Buffer> {
  try {
    yield ownHeader;
    for (let piece = first; !piece.done; piece = await rest.next()) yield piece.value;
  } finally {
    await rest.return?.();
  }
}
