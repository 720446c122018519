// What comes back of the original: read from the spool as far as it may be quoted, never more.
import { endOfHeader, MAX_LINE } from '#shared/mail/header.ts';
import type { Quote } from './report.ts';

/**
 * The whole message when `whole` is wanted, it has at most `limit` bytes and no line is too long, else its header, cut behind the last field that
 * fits. Reads no more than it needs of a stream.
 */
export async function readQuote(content: Buffer | AsyncIterable<Buffer>, limit: number, whole: boolean): Promise<Quote> {
  const head = Buffer.isBuffer(content) ? content : await readUpTo(content, limit + 1);
  if (whole && head.length <= limit && !hasLongLine(head)) return { content: head, whole: true };
  return { content: headerOf(head, limit), whole: false };
}

/** RFC 2045 section 2.7: such a message is neither 7bit nor 8bit, and next hops may refuse it. */
function hasLongLine(content: Buffer): boolean {
  for (let from = 0; content.length - from > MAX_LINE; ) {
    const end = content.indexOf('\r\n', from);
    if ((end < 0 ? content.length : end) - from > MAX_LINE) return true;
    if (end < 0) return false;
    from = end + 2;
  }
  return false;
}

async function readUpTo(stream: AsyncIterable<Buffer>, most: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= most) break;
  }
  return Buffer.concat(chunks);
}

/** The header with the line end of its last field, without the empty line. */
function headerOf(content: Buffer, limit: number): Buffer {
  const end = endOfHeader(content);
  if (end === 2) return Buffer.alloc(0);
  const header = end < 0 ? content : content.subarray(0, end - 2);
  return header.length <= limit ? header : header.subarray(0, lastFieldEnd(header, limit));
}

function lastFieldEnd(header: Buffer, limit: number): number {
  let end = header.lastIndexOf('\r\n', limit - 2);
  // A continuation line belongs to the field before it (RFC 5322 section 2.2.3).
  while (end >= 0 && (header[end + 2] === 0x20 || header[end + 2] === 0x09)) end = end === 0 ? -1 : header.lastIndexOf('\r\n', end - 1);
  return end + 2 > limit || end < 0 ? 0 : end + 2;
}
