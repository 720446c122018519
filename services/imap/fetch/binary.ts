// BINARY: a part without its transfer encoding (RFC 3516, RFC 9051 section 6.4.5). Nothing is held but a small part: a larger one is decoded
// twice, once for its size and once for the client.

import type { Part } from '#shared/mail/mime/parsed-message.ts';
import { decodeTransfer } from '#shared/mail/mime/transfer-decoding.ts';
import type { MessageContent } from '#shared/mailstore/mailbox-store.ts';

/** RFC 3516 section 4.3: the part's encoding is none that we know. Ends the command with NO [UNKNOWN-CTE]. */
export class UnknownEncodingError extends Error {
  override readonly name = 'UnknownEncodingError';
}

export interface Decoded {
  readonly size: number;
  /** There are NULs: only literal8 can hold them. */
  readonly binary: boolean;
  /** Decodes anew. */
  octets(): AsyncIterable<Buffer>;
}

/** The body of a part, decoded when it is no container (RFC 3516 section 4.2). Throws UnknownEncodingError. */
export async function decodedPart(content: MessageContent, part: Part): Promise<Decoded> {
  const start = content.ownHeader.length + part.body;
  const encoding = part.parts || part.msg ? '' : (part.enc ?? '');
  const octets = (): AsyncIterable<Buffer> => {
    const decoded = decodeTransfer(content.read(start, start + part.size), encoding);
    if (!decoded) throw new UnknownEncodingError();
    return decoded;
  };
  return { ...(await measure(octets())), octets };
}

async function measure(octets: AsyncIterable<Buffer>): Promise<{ size: number; binary: boolean }> {
  let size = 0;
  let binary = false;
  for await (const piece of octets) {
    size += piece.length;
    binary ||= piece.includes(0);
  }
  return { size, binary };
}
