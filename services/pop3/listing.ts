// Lines of a long listing in pieces of some kilobytes: 100,000 messages are neither one string nor 100,000 writes.
const LINES_PER_PIECE = 500;

/** The lines, each with CR LF. */
export function* listing(lines: Iterable<string>): Generator<Buffer> {
  let piece = '';
  let count = 0;
  for (const line of lines) {
    piece += `${line}\r\n`;
    if (++count % LINES_PER_PIECE > 0) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  if (piece !== '') yield Buffer.from(piece);
}
