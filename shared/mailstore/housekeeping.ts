// What the mail store forgets by and by: deliveries 7 days after their message, expunges after 30 days or 100,000 a mailbox.
// A failure leaves the rest for the next hour.
import { sql, type Transaction } from 'kysely';
import type { MailstoreTables } from './schema.ts';
import type { StoreContext } from './store-context.ts';

const DAY = 86_400_000;
/** A redelivery comes at most this long after the delivery: the queue's own lifetime is 5 days. */
const KEEP_DELIVERIES = 7 * DAY;
const KEEP_VANISHED = 30 * DAY;
const MOST_VANISHED = 100_000;

export async function forgetOld({ database: { db }, clock }: StoreContext): Promise<void> {
  await db
    .deleteFrom('deliveries')
    .where('expunged_at', '<', clock.now() - KEEP_DELIVERIES)
    .execute();
  await db.transaction().execute(async (transaction) => {
    const { rows: old } = await sql<Floor>`select mailbox_id, max(modseq) as modseq from vanished
      where vanished_at < ${clock.now() - KEEP_VANISHED} group by mailbox_id order by mailbox_id`.execute(transaction);
    for (const floor of old) await forgetVanished(transaction, floor);
  });
  const { rows: full } = await sql<{ mailbox_id: number }>`select mailbox_id from vanished group by mailbox_id having count(*) > ${MOST_VANISHED}`.execute(db);
  for (const { mailbox_id } of full) {
    await db.transaction().execute(async (transaction) => {
      const { rows } = await sql<Floor>`select mailbox_id, modseq from vanished where mailbox_id = ${mailbox_id}
        order by modseq desc limit 1 offset ${MOST_VANISHED / 2}`.execute(transaction);
      for (const floor of rows) await forgetVanished(transaction, floor);
    });
  }
}

interface Floor {
  readonly mailbox_id: number;
  readonly modseq: number;
}

/** Up to this modseq the mailbox no longer knows what went. */
async function forgetVanished(db: Transaction<MailstoreTables>, { mailbox_id, modseq }: Floor): Promise<void> {
  await db.updateTable('mailboxes').set({ vanished_floor: modseq }).where('id', '=', mailbox_id).where('vanished_floor', '<', modseq).execute();
  await db.deleteFrom('vanished').where('mailbox_id', '=', mailbox_id).where('modseq', '<=', modseq).execute();
}
