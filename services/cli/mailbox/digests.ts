// What the mail store holds, digested: to compare with what was filed or written. Reads every octet.
import { createHash } from 'node:crypto';
import type { MailboxStore } from '#shared/mailstore/mailbox-store.ts';
import { rangesOf, type UidSet } from '#shared/mailstore/uid-set.ts';

export interface Digested {
  readonly uid: number;
  /** SHA-256, hexadecimal. */
  readonly digest: string;
}

/** The digest of each message among these that exists, ascending. */
export async function* digestsOf(mailbox: MailboxStore, uids: UidSet): AsyncGenerator<Digested> {
  if (uids.length === 0) return;
  for await (const batch of mailbox.messages(uids)) for (const { uid, content } of batch) yield { uid, digest: await digestOf(content.read()) };
}

export async function digestOf(octets: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of octets) hash.update(piece);
  return hash.digest('hex');
}

/** These UIDs as ranges. */
export function uidSet(uids: readonly number[]): UidSet {
  return rangesOf(uids.toSorted((a, b) => a - b));
}
