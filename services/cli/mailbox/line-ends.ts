// Line ends on their way in and out: mail has CR LF (RFC 5322 section 2.1), files on disk have LF. Streams; holds one byte between two pieces.

const CR = 13;
const LF = 10;
/** What a NUL becomes: no IMAP string has one (RFC 9051 section 9, CHAR8). As other servers do. */
const FOR_NUL = 0x80;

/** Each LF that has no CR before it gets one. */
export async function* toCrLf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let last = 0;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    yield withCr(chunk, last);
    last = chunk[chunk.length - 1] ?? 0;
  }
}

function withCr(chunk: Buffer, before: number): Buffer {
  let bare = 0;
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) if ((at > 0 ? chunk[at - 1] : before) !== CR) bare++;
  const hasNul = chunk.includes(0);
  if (bare === 0 && !hasNul) return chunk;
  const target = Buffer.allocUnsafe(chunk.length + bare);
  let to = 0;
  let from = 0;
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) {
    if ((at > 0 ? chunk[at - 1] : before) === CR) continue;
    to += chunk.copy(target, to, from, at);
    target[to++] = CR;
    from = at;
  }
  chunk.copy(target, to, from);
  if (hasNul) for (let at = target.indexOf(0); at >= 0; at = target.indexOf(0, at)) target[at] = FOR_NUL;
  return target;
}

/** Each CR LF becomes LF; a CR alone stays. */
export async function* toLf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held = false;
  for await (const chunk of source) {
    if (chunk.length === 0) continue;
    const whole: Buffer = held ? Buffer.concat([Buffer.from([CR]), chunk]) : chunk;
    held = whole[whole.length - 1] === CR;
    const given = withoutCr(held ? whole.subarray(0, -1) : whole);
    if (given.length > 0) yield given;
  }
  if (held) yield Buffer.from([CR]);
}

function withoutCr(chunk: Buffer): Buffer {
  if (!chunk.includes('\r\n')) return chunk;
  const target = Buffer.allocUnsafe(chunk.length);
  let to = 0;
  let from = 0;
  for (let at = chunk.indexOf('\r\n'); at >= 0; at = chunk.indexOf('\r\n', at + 2)) {
    to += chunk.copy(target, to, from, at);
    from = at + 1;
  }
  to += chunk.copy(target, to, from);
  return target.subarray(0, to);
}
