// Writes one mbox file (mboxrd, LF) for each mailbox. A file appears when it is whole; one of an earlier run that says the same stays. What can
// fail: writing, and what is read back (CommandError).
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../usage-error.ts';
import { digestOf } from './digests.ts';
import { encodeFolder } from './folder-name.ts';
import { toLf } from './line-ends.ts';
import type { ExportedMessage, MailTarget } from './mail-target.ts';
import { quoted, separator, statusFields } from './mbox-format.ts';
import { prepareFolder, syncFolder } from './target-folder.ts';

const MARK = '.stafette-export';

/** `remove`: files of an earlier run whose mailboxes are no longer there. */
export function createMboxTarget(path: string, remove: boolean): MailTarget {
  return {
    prepare: () => prepareFolder(path, MARK, 'mbox files'),
    async mailbox({ name }, messages) {
      const place = join(path, fileOf(name));
      const partial = `${place}.partial`;
      await rm(partial, { force: true });
      const handle = await open(partial, 'wx', 0o600);
      const hash = createHash('sha256');
      let count = 0;
      try {
        for await (const message of messages) {
          await writeMessage(handle, hash, message);
          count++;
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
      if ((await digestOfFile(partial)) !== hash.digest('hex')) throw new CommandError(`${place}: what is on the disk is not what was written`);
      await rename(partial, place);
      await syncFolder(path);
      return { name, messages: count, written: count, gone: 0 };
    },
    async others(names) {
      const kept = new Set(names.map(fileOf));
      const files = (await readdir(path)).filter((file) => file.endsWith('.mbox') && !kept.has(file));
      if (remove) for (const file of files) await rm(join(path, file), { force: true });
      return files;
    },
  };
}

function fileOf(name: string): string {
  return `${encodeFolder(name)}.mbox`;
}

async function writeMessage(handle: FileHandle, hash: Hash, { content, flagNames, receivedAt }: ExportedMessage): Promise<void> {
  const write = async (piece: Buffer): Promise<void> => {
    hash.update(piece);
    await handle.writeFile(piece);
  };
  await write(Buffer.from(separator(senderOf(content.ownHeader), receivedAt) + statusFields(flagNames)));
  let last = 0;
  for await (const piece of quoted(toLf(content.read()))) {
    await write(piece);
    last = piece[piece.length - 1] ?? last;
  }
  // An empty line divides messages, and the last line of each is whole.
  await write(Buffer.from(last === 10 ? '\n' : '\n\n'));
}

/** RFC 5321 section 4.4: the reverse-path, as delivery wrote it down. */
function senderOf(ownHeader: Buffer): string {
  return /^Return-Path: *<([^>]*)>/im.exec(ownHeader.toString('utf8'))?.[1] ?? '';
}

async function digestOfFile(path: string): Promise<string> {
  return digestOf((await open(path)).createReadStream());
}
