// An IMAP client for tests: sends a command, gives back its responses as lines, literals in place. It owns a dialogue.
import { type LineDialogue, type LineDialogueOptions, openLineDialogue } from '#shared/session/testing/line-dialogue.ts';

export interface Answer {
  /** `OK [CODE] text`: the tagged response without its tag. */
  readonly tagged: string;
  /** Untagged responses without `* `; a literal stands as `{n}`, CR LF and its octets (latin1). */
  readonly untagged: readonly string[];
}

export class ImapClient implements AsyncDisposable {
  readonly dialogue: LineDialogue;
  #tag = 0;

  constructor(dialogue: LineDialogue) {
    this.dialogue = dialogue;
  }

  /** Connects and reads the greeting. */
  static async connect(options: LineDialogueOptions): Promise<ImapClient> {
    const dialogue = await openLineDialogue(options);
    await dialogue.expect('* OK *');
    return new ImapClient(dialogue);
  }

  /** Sends a command with a tag of its own and waits for its tagged response. */
  async command(text: string): Promise<Answer> {
    return await this.answer(this.send(text));
  }

  /** The same, and it must be OK: gives the untagged responses. */
  async ok(text: string): Promise<readonly string[]> {
    const { tagged, untagged } = await this.command(text);
    if (!tagged.startsWith('OK')) throw new Error(`${text}: ${tagged}`);
    return untagged;
  }

  /** Sends it and waits for nothing; returns its tag. */
  send(text: string): string {
    const tag = `a${++this.#tag}`;
    this.dialogue.sendRaw(Buffer.from(`${tag} ${text}\r\n`));
    return tag;
  }

  /** Responses up to the tagged one. */
  async answer(tag: string): Promise<Answer> {
    const untagged: string[] = [];
    for (;;) {
      const response = await this.response();
      if (response.startsWith(`${tag} `)) return { tagged: response.slice(tag.length + 1), untagged };
      untagged.push(response.replace(/^\* /, ''));
    }
  }

  /** One response with its literals. */
  async response(): Promise<string> {
    let text = '';
    for (;;) {
      text += await this.dialogue.line();
      const literal = /\{(\d+)\}$/.exec(text);
      if (!literal) return text;
      text += `\r\n${(await this.dialogue.bytes(Number(literal[1]))).toString('latin1')}`;
    }
  }

  /** APPEND with a synchronizing literal; `before`: flags and date, with a space behind each. */
  async append(mailbox: string, message: string | Buffer, before = ''): Promise<Answer> {
    const tag = this.send(`APPEND ${mailbox} ${before}{${Buffer.byteLength(message)}}`);
    const first = await this.response();
    if (!first.startsWith('+')) return { tagged: first.slice(tag.length + 1), untagged: [] };
    this.dialogue.sendRaw(Buffer.concat([Buffer.from(message), Buffer.from('\r\n')]));
    return await this.answer(tag);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dialogue[Symbol.asyncDispose]();
  }
}
