// What an import has done, in a file of data_dir that outlives it: each batch is written down before it is filed and again when it is, so that
// an import that was cut off goes on, and files nothing twice. Owns the file and its lock. What can fail: the disk; another import.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../usage-error.ts';

/** A message by its key in the source, and the SHA-256 of what was filed. */
export type Noted = readonly [key: string, digest: string];

/** A mailbox as it is now. One that was deleted and made again has another UIDVALIDITY; one of an older backup has a smaller UIDNEXT. */
export interface Place {
  readonly mailbox: string;
  readonly uidvalidity: number;
  readonly uidnext: number;
}

/** `uidnext`: UIDs from this on were free before it. */
export interface Batch extends Place {
  readonly messages: readonly Noted[];
}

export interface Filed extends Omit<Place, 'uidnext'> {
  readonly uid: number;
  readonly digest: string;
}

export interface Journal extends AsyncDisposable {
  /** True when the message of this key was filed in this mailbox, whatever its owner has done with it since. */
  has(place: Place, key: string): boolean;
  /** Filed, and not yet verified. */
  readonly unverified: readonly Filed[];
  /** A batch of which it is not known whether it was filed: the import was cut off. */
  readonly open: Batch | null;
  begin(batch: Batch): Promise<void>;
  /** The open batch has these UIDs; `null`: it was not filed. */
  settle(uids: readonly number[] | null): Promise<void>;
  verified(): Promise<void>;
}

type Entry = { readonly batch: Batch } | { readonly uids: readonly number[] | null } | { readonly verified: true };

/** The journal of this source for this account. `identity` names both. */
export async function openJournal(dataDir: string, identity: readonly string[]): Promise<Journal> {
  const folder = join(dataDir, 'imports');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 32);
  const handle = await open(join(folder, `${name}.journal`), constants.O_RDWR | constants.O_CREAT | constants.O_APPEND, 0o600);
  try {
    lock(handle);
    return await readJournal(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** flock(2) by flock(1): the kernel gives it back when we end, however we end. */
function lock(handle: FileHandle): void {
  const { status, error } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', handle.fd] });
  if (error) throw new CommandError('flock (util-linux) is not on the PATH');
  if (status !== 0) throw new CommandError('the same import is running already');
}

async function readJournal(handle: FileHandle): Promise<Journal> {
  const filed = new Map<string, Filed>();
  let unverified: Filed[] = [];
  let pending: Batch | null = null;
  const idOf = (mailbox: string, key: string): string => `${mailbox}\n${key}`;

  function apply(entry: Entry): void {
    if ('batch' in entry) pending = entry.batch;
    else if ('verified' in entry) unverified = [];
    else {
      for (const [index, [key, digest]] of (pending?.messages ?? []).entries()) {
        const uid = entry.uids?.[index];
        if (uid === undefined || pending === null) continue;
        const { mailbox, uidvalidity } = pending;
        const each = { mailbox, uidvalidity, uid, digest };
        filed.set(idOf(mailbox, key), each);
        unverified.push(each);
      }
      pending = null;
    }
  }
  async function write(entry: Entry): Promise<void> {
    await handle.appendFile(`${JSON.stringify(entry)}\n`);
    await handle.datasync();
    apply(entry);
  }

  let whole = 0;
  const text = await handle.readFile('utf8');
  for (let at = 0, end = text.indexOf('\n'); end >= 0; at = end + 1, end = text.indexOf('\n', at)) {
    apply(JSON.parse(text.slice(at, end)) as Entry);
    whole = end + 1;
  }
  // The line under way when the power failed.
  if (whole < text.length) await handle.truncate(Buffer.byteLength(text.slice(0, whole)));

  return {
    has({ mailbox, uidvalidity, uidnext }, key) {
      const found = filed.get(idOf(mailbox, key));
      return found?.uidvalidity === uidvalidity && found.uid < uidnext;
    },
    get unverified() {
      return unverified;
    },
    get open() {
      return pending;
    },
    begin: (batch) => write({ batch }),
    settle: (uids) => write({ uids }),
    verified: () => write({ verified: true }),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
