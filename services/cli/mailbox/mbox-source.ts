// Reads mbox files: one, or each `NAME.mbox` of a folder. A first pass finds where messages begin, then each is read from its place. Owns
// the open files; what can fail: reading, and a file that is no mbox (CommandError).
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { CommandError } from '../usage-error.ts';
import { decodeFolder } from './folder-name.ts';
import { toCrLf } from './line-ends.ts';
import type { MailSource, SourceMailbox, SourceMessage } from './mail-source.ts';
import { MAX_SEPARATOR, separatorDate, takeStatus, unquoted } from './mbox-format.ts';
import { openTree, type SafeFolder } from './safe-tree.ts';

export type Dialect = 'mboxrd' | 'mboxo';

const EXTENSION = '.mbox';
const WINDOW = 256 * 1024;
/** A header longer than this keeps its Status fields. */
const MAX_HEADER = 256 * 1024;

/** Opens the file at `path` as the mailbox `name`. */
export async function openMbox(path: string, name: string, dialect: Dialect): Promise<MailSource> {
  const handle = await open(path);
  if (!(await handle.stat()).isFile()) {
    await handle.close();
    throw new CommandError(`${path} is no file`);
  }
  return {
    kind: 'mbox',
    async *mailboxes() {
      yield await mailboxOf(handle, path, name, dialect);
    },
    passedOver: 0,
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** Opens the folder at `path`: each `Work.2024.mbox` in it is the mailbox `Work/2024`. */
export async function openMboxFolder(path: string, dialect: Dialect): Promise<MailSource> {
  const folder = await openTree(path);
  const { files, folders, passedOver } = await folder.list();
  return {
    kind: 'mbox',
    mailboxes: () =>
      mailboxesOf(
        folder,
        files.filter((file) => file.endsWith(EXTENSION)),
        dialect,
      ),
    passedOver: passedOver + folders.length,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function* mailboxesOf(folder: SafeFolder, files: readonly string[], dialect: Dialect): AsyncGenerator<SourceMailbox> {
  for (const file of files) {
    const handle = await folder.file(file);
    if (!handle) continue;
    try {
      yield await mailboxOf(handle, file, decodeFolder(file.slice(0, -EXTENSION.length)), dialect);
    } finally {
      await handle.close();
    }
  }
}

async function mailboxOf(handle: FileHandle, path: string, name: string, dialect: Dialect): Promise<SourceMailbox> {
  const { size, mtimeMs } = await handle.stat();
  const starts = await Array.fromAsync(separators(handle, size));
  if (starts[0]?.at !== 0 && size > 0) throw new CommandError(`${path} is no mbox: it does not begin with "From "`);
  const seen = new Map<string, number>();
  const messages: SourceMessage[] = [];
  for (const [index, { body, date }] of starts.entries()) {
    const end = starts[index + 1]?.at ?? size;
    const { flags, content } = await readMessage(handle, body, end, dialect);
    const hash = createHash('sha256');
    for await (const piece of content()) hash.update(piece);
    const digest = hash.digest('hex');
    const copy = (seen.get(digest) ?? 0) + 1;
    seen.set(digest, copy);
    // What a message is does not depend on its place: others may go from the file.
    messages.push({ key: `${name} ${digest} ${copy}`, flags, receivedAt: date ?? Math.trunc(mtimeMs), content: async () => content() });
  }
  return { name, messages };
}

interface Separator {
  readonly at: number;
  /** Where its message begins. */
  readonly body: number;
  readonly date: number | null;
}

const MARK = Buffer.from('From ');
const LF = 10;

/** Separators: the first line, and each line `From ` with a date behind an empty one. */
async function* separators(handle: FileHandle, size: number): AsyncGenerator<Separator> {
  // Each window begins with the end of the one before, so that no separator is cut.
  const window = Buffer.allocUnsafe(WINDOW + 2 * MAX_SEPARATOR);
  for (let base = 0; base < size; base += WINDOW) {
    const start = Math.max(0, base - MAX_SEPARATOR);
    const length = Math.min(size, base + WINDOW + MAX_SEPARATOR) - start;
    const { bytesRead } = await handle.read(window, 0, length, start);
    const bytes = window.subarray(0, bytesRead);
    for (let at = bytes.indexOf(MARK, base - start); at >= 0 && start + at < base + WINDOW; at = bytes.indexOf(MARK, at + 1)) {
      const first = start + at === 0;
      if (!first && !behindEmptyLine(bytes, at)) continue;
      const end = bytes.indexOf(LF, at);
      const line = bytes.toString('latin1', at, Math.min(end < 0 ? bytes.length : end, at + MAX_SEPARATOR));
      const date = separatorDate(line);
      if (first || date !== null) yield { at: start + at, body: start + (end < 0 ? bytes.length : end + 1), date };
    }
  }
}

function behindEmptyLine(bytes: Buffer, at: number): boolean {
  if (bytes[at - 1] !== LF) return false;
  return bytes[at - 2] === LF || (bytes[at - 2] === 13 && bytes[at - 3] === LF);
}

/** The octets from `body` to the empty line before `end`, unquoted, without our Status fields, with CR LF. */
async function readMessage(handle: FileHandle, body: number, end: number, dialect: Dialect) {
  const last = end - (await emptyLineBefore(handle, body, end));
  const { buffer, bytesRead } = await handle.read(
    Buffer.allocUnsafe(Math.min(MAX_HEADER, Math.max(0, last - body))),
    0,
    Math.min(MAX_HEADER, Math.max(0, last - body)),
    body,
  );
  const start = buffer.subarray(0, bytesRead);
  const headerEnd = endOfHeader(start);
  const { header, flags } = headerEnd === null ? { header: Buffer.alloc(0), flags: [] } : takeStatus(start.subarray(0, headerEnd));
  async function* raw(): AsyncGenerator<Buffer> {
    yield header;
    for (let at = body + (headerEnd ?? 0); at < last; ) {
      const part = await handle.read(Buffer.allocUnsafe(Math.min(WINDOW, last - at)), 0, Math.min(WINDOW, last - at), at);
      if (part.bytesRead === 0) return;
      at += part.bytesRead;
      yield part.buffer.subarray(0, part.bytesRead);
    }
  }
  return { flags, content: () => toCrLf(unquoted(raw(), dialect)) };
}

/** The length of the empty line that ends a message in the file: 0, 1 or 2. */
async function emptyLineBefore(handle: FileHandle, body: number, end: number): Promise<number> {
  const start = Math.max(body, end - 4);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, end - start, start);
  const tail = buffer.toString('latin1', 0, bytesRead);
  return /\n\r\n$/.test(tail) ? 2 : /\n\n$/.test(tail) || tail === '\n' ? 1 : 0;
}

/** Where the empty line behind the header begins; null when the header is longer than what was read. */
function endOfHeader(start: Buffer): number | null {
  const found = /\r?\n\r?\n/.exec(start.toString('latin1'));
  if (found) return found.index + (found[0].startsWith('\r') ? 2 : 1);
  return start.length < MAX_HEADER ? start.length : null;
}
