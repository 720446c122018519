// The commands of one transaction, alone or, where the next hop pipelines, together in one write (RFC 2920). Pure.
import { isAscii } from 'node:buffer';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import { mailCommand, rcptCommand } from './commands.ts';
import type { Capabilities } from './ehlo.ts';
import type { TransactionRequest } from './request.ts';

export const DATA = 'DATA\r\n';
const RSET = 'RSET\r\n';

export class CommandGroup {
  readonly #request: TransactionRequest;
  readonly #offered: Capabilities;

  constructor(request: TransactionRequest, offered: Capabilities) {
    this.#request = request;
    this.#offered = offered;
  }

  /** What a transaction begins with. RFC 2920 section 3.1: DATA may end a group, and what comes before it need not wait. */
  first(reset: boolean): string {
    if (!this.#offered.pipelining) return reset ? RSET : this.mail();
    return `${reset ? RSET : ''}${this.mail()}${this.#allRcpts()}${DATA}`;
  }

  mail(): string {
    const { content, body } = this.#request;
    return mailCommand(this.#request, this.#offered, body === '8bitmime' || !Buffer.isBuffer(content) || !isAscii(content));
  }

  rcpt(index: number): string {
    return rcptCommand(this.#request.recipients[index] as EnvelopeRecipient, this.#offered);
  }

  #allRcpts(): string {
    let lines = '';
    for (let index = 0; index < this.#request.recipients.length; index++) lines += this.rcpt(index);
    return lines;
  }
}
