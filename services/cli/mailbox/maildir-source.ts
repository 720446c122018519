// Reads a Maildir with its folders: those of Maildir++ (`.Work.2024`) and nested ones (`Work/2024/cur`). Flags are in the file names, the
// date is the file's. Owns the open folders; what can fail: reading, which throws.
import type { FileHandle } from 'node:fs/promises';
import { decodeFolder, decodeLevel } from './folder-name.ts';
import { toCrLf } from './line-ends.ts';
import type { MailSource, SourceMailbox, SourceMessage } from './mail-source.ts';
import { KEYWORDS_FILE, parseKeywords } from './maildir-keywords.ts';
import { openTree, readable, type SafeFolder } from './safe-tree.ts';

const FLAGS: Readonly<Record<string, string>> = { D: '\\Draft', F: '\\Flagged', P: '$Forwarded', R: '\\Answered', S: '\\Seen', T: '\\Deleted' };
/** As deep as mailbox names go. */
const MAX_DEPTH = 32;
const PIECE = 64 * 1024;

/** Opens the Maildir at `path`, whose own messages are those of the mailbox `top`. */
export async function openMaildir(path: string, top: string): Promise<MailSource> {
  const root = await openTree(path);
  const counts = { passedOver: 0 };
  return {
    kind: 'Maildir',
    mailboxes: () => mailboxesBelow(root, { name: top, prefix: top === 'INBOX' ? '' : `${top}/`, place: '', depth: 0 }, counts),
    get passedOver() {
      return counts.passedOver;
    },
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  };
}

interface Counts {
  passedOver: number;
}

/** Where we are: the mailbox's name, what stands before the names of those below, the way from the root. */
interface Level {
  readonly name: string;
  readonly prefix: string;
  readonly place: string;
  readonly depth: number;
}

/** The folder's own mailbox, then those in it. */
async function* mailboxesBelow(folder: SafeFolder, { name, prefix, place, depth }: Level, counts: Counts): AsyncGenerator<SourceMailbox> {
  const { folders, passedOver } = await folder.list();
  counts.passedOver += passedOver;
  if (folders.includes('cur') || folders.includes('new')) yield { name, messages: await messagesOf(folder, place, counts) };
  for (const child of folders) {
    const below = nameBelow(readable(child));
    if (below === null) continue;
    if (depth >= MAX_DEPTH) {
      counts.passedOver++;
      continue;
    }
    const opened = await folder.folder(child);
    if (!opened) continue;
    await using within = opened;
    const full = `${prefix}${below}`;
    yield* mailboxesBelow(within, { name: full, prefix: `${full}/`, place: `${place}${child}/`, depth: depth + 1 }, counts);
  }
}

/** Null for what is no mailbox: `cur`, `new`, `tmp`. A level without a name has one now. */
function nameBelow(child: string): string | null {
  if (child === 'cur' || child === 'new' || child === 'tmp') return null;
  if (!child.startsWith('.')) return decodeLevel(child);
  return decodeFolder(child.slice(1).replace(/(?<=^|\.)(?=\.|$)/g, '_'));
}

async function messagesOf(folder: SafeFolder, place: string, counts: Counts): Promise<SourceMessage[]> {
  const keywords = await keywordsOf(folder);
  const found: SourceMessage[] = [];
  for (const part of ['cur', 'new'] as const) {
    const opened = await folder.folder(part);
    if (!opened) continue;
    await using within = opened;
    const { files, passedOver, folders } = await within.list();
    counts.passedOver += passedOver + folders.length;
    for (const file of files) {
      const stat = readable(file).startsWith('.') ? null : await within.stat(file);
      if (!stat?.isFile()) continue;
      const receivedAt = Math.max(0, Math.trunc(stat.mtimeMs));
      const [, unique = file, letters = ''] = /^(.*?)[:;!]2,([^,]*)/s.exec(file) ?? [];
      const flags = letters.split('').flatMap((letter) => FLAGS[letter] ?? keywords.get(letter) ?? []);
      found.push({ key: JSON.stringify(place + unique), flags, receivedAt, content: () => contentOf(folder, part, file, unique) });
    }
  }
  return found.sort((a, b) => a.receivedAt - b.receivedAt || (a.key < b.key ? -1 : 1));
}

/** A client may have moved it from `new` to `cur`, or changed its flags, since it was listed: then it has another name. */
async function contentOf(folder: SafeFolder, part: string, file: string, unique: string): Promise<AsyncIterable<Buffer> | null> {
  const handle = (await openIn(folder, part, file)) ?? (await openRenamed(folder, unique));
  return handle && toCrLf(pieces(handle));
}

async function openIn(folder: SafeFolder, part: string, file: string): Promise<FileHandle | null> {
  const opened = await folder.folder(part);
  if (!opened) return null;
  await using within = opened;
  return await within.file(file);
}

async function openRenamed(folder: SafeFolder, unique: string): Promise<FileHandle | null> {
  const opened = await folder.folder('cur');
  if (!opened) return null;
  await using within = opened;
  const name = (await within.list()).files.find((file) => file.startsWith(unique) && /^([:;!]2,|$)/.test(file.slice(unique.length)));
  return name === undefined ? null : await within.file(name);
}

/** The file, to its end; closed when done. */
export async function* pieces(handle: FileHandle, start = 0, end = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  try {
    for (let at = start; at < end; ) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(PIECE, end - at)), 0, Math.min(PIECE, end - at), at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

const MAX_KEYWORDS = 64 * 1024;

/** Dovecot's names for the small letters. */
async function keywordsOf(folder: SafeFolder): Promise<ReadonlyMap<string, string>> {
  const handle = await folder.file(KEYWORDS_FILE);
  return parseKeywords(handle ? Buffer.concat(await Array.fromAsync(pieces(handle, 0, MAX_KEYWORDS))).toString('utf8') : '');
}
