// Whether this content may go to a next hop that lacks 8BITMIME or SMTPUTF8. Nothing is converted: what the next hop cannot
// take fails (RFC 6152 section 3, RFC 6531 section 3.5). Content streams by; three octets are kept to find the header's end.
import { isAscii } from 'node:buffer';
import type { Capabilities } from './ehlo.ts';
import type { TransactionRequest } from './request.ts';

const HEADER_END = '\r\n\r\n';

/** Failures of content against capabilities, with their RFC 3463 status. */
export const CONTENT_FAILURES = {
  eightBit: { status: '5.6.3', diagnostic: 'The next hop does not take 8-bit content (no 8BITMIME)' },
  utf8Header: { status: '5.6.7', diagnostic: 'The next hop does not take internationalised header fields (no SMTPUTF8)' },
} as const;
export type ContentFailure = keyof typeof CONTENT_FAILURES;

/** The guard of this request's content there, or null where all of it may go. */
export function guardFor({ smtputf8 }: Pick<TransactionRequest, 'smtputf8'>, offered: Capabilities): ContentGuard | null {
  const rules = { sevenBit: !offered.eightBitMime, asciiHeader: smtputf8 && !offered.smtpUtf8 };
  return rules.sevenBit || rules.asciiHeader ? new ContentGuard(rules) : null;
}

export class ContentGuard {
  readonly #sevenBit: boolean;
  #asciiHeader: boolean;
  #tail = Buffer.alloc(0);

  /** `sevenBit`: no octet above 127 may go. `asciiHeader`: none in the header. */
  constructor(rules: { readonly sevenBit: boolean; readonly asciiHeader: boolean }) {
    this.#sevenBit = rules.sevenBit;
    this.#asciiHeader = rules.asciiHeader;
  }

  /** What forbids this chunk, or null. Chunks come in order. */
  check(chunk: Buffer): ContentFailure | null {
    if (this.#asciiHeader && !isAscii(this.#headerOf(chunk))) return 'utf8Header';
    return this.#sevenBit && !isAscii(chunk) ? 'eightBit' : null;
  }

  #headerOf(chunk: Buffer): Buffer {
    const joined = this.#tail.length > 0 ? Buffer.concat([this.#tail, chunk]) : chunk;
    const end = joined.indexOf(HEADER_END, 0, 'latin1');
    this.#asciiHeader = end === -1;
    this.#tail = end === -1 ? Buffer.from(joined.subarray(-3)) : Buffer.alloc(0);
    return end === -1 ? joined : joined.subarray(0, end);
  }
}
