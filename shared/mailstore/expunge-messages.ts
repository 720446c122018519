// EXPUNGE, UID EXPUNGE, and QUIT of POP3: one transaction, one modseq. What went is remembered for QRESYNC.
import { sql } from 'kysely';
import { SYSTEM_FLAGS } from './account-store.ts';
import { lockAccount } from './accounts.ts';
import { advance, lockMailbox, readMessages, recordVanished } from './mailbox-rows.ts';
import { standing } from './mailbox-view.ts';
import { type Place, removeMessages } from './remove-messages.ts';
import { change, type StoreContext } from './store-context.ts';
import type { UidSet } from './uid-set.ts';

export interface Expunged {
  readonly uids: Uint32Array;
  readonly highestmodseq: number;
}

export async function expungeMessages(context: StoreContext, place: Place, uids: UidSet, only: 'deleted' | 'all'): Promise<Expunged> {
  const { engine, reader } = context.database;
  const where = only === 'all' ? sql`1 = 1` : sql`(messages.flag_code & ${sql.lit(SYSTEM_FLAGS['\\Deleted'])}) <> 0`;
  // CLOSE expunges every time, mostly nothing: that takes no lock.
  const before = await readMessages(reader, engine, place.mailbox, uids, where);
  if (before.uids.length === 0) return { uids: before.uids, highestmodseq: (await standing(context, place)).highestmodseq };
  return await change(context, async (changing) => {
    const { db } = changing;
    await lockAccount(db, engine, place.account);
    const mailbox = await lockMailbox(db, engine, place.account, place.mailbox);
    const found = await readMessages(db, engine, place.mailbox, uids, where);
    if (found.uids.length === 0) return { uids: found.uids, highestmodseq: mailbox.highestmodseq };
    const highestmodseq = mailbox.highestmodseq + 1;
    await removeMessages(changing, context, place, [...found.uids]);
    await recordVanished(db, engine, place.mailbox, highestmodseq, found.uids, context.clock.now());
    await advance(db, mailbox, { highestmodseq });
    changing.changed(place.account, place.mailbox, highestmodseq);
    return { uids: found.uids, highestmodseq };
  });
}
