// Stores the columns of large mailboxes behind the answers that had to read them, for the next process that opens them. Owns the writes under
// way; one that fails is logged, and whoever reads the mailbox next tries again.
import { type Database, isRefusedByData } from '#shared/sql/database.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { MessageColumns } from './mailbox-store.ts';
import { packColumns } from './packed-columns.ts';
import type { MailstoreTables } from './schema.ts';

/** Rows read and parsed cost half a microsecond each: below so many, one commit more costs more than it saves. */
export const WORTH_STORING = 5000;
/** Writes at once, each of at most five octets a message: of a thousand sessions that come together, some store and the others do the next time. */
const AT_ONCE = 4;

export interface SnapshotRead {
  readonly mailbox: number;
  readonly modseq: number;
  readonly columns: MessageColumns;
  /** Rows that no stored snapshot gave. */
  readonly rows: number;
  /** The modseq of a stored one that was of no use: it goes, whatever its modseq. */
  readonly useless: number | null;
}

export interface StoredSnapshots {
  /** Stores it when that is worth it, behind the caller. Its columns may be changed afterwards. */
  keep(read: SnapshotRead): void;
  /** Waits for what is under way; nothing is stored afterwards. */
  close(): Promise<void>;
}

export function createStoredSnapshots(database: Database<MailstoreTables>, log: Logger | undefined, worthStoring = WORTH_STORING): StoredSnapshots {
  const writing = new Map<number, Promise<void>>();
  let closed = false;

  async function store({ mailbox, modseq, useless }: SnapshotRead, columns: Uint8Array): Promise<void> {
    try {
      await database.db
        .insertInto('mailbox_snapshots')
        .values({ mailbox_id: mailbox, modseq, columns })
        .onConflict((conflict) =>
          conflict
            .column('mailbox_id')
            .doUpdateSet({ modseq, columns })
            .where(({ eb, or }) => or([eb('mailbox_snapshots.modseq', '<', modseq), eb('mailbox_snapshots.modseq', '=', useless ?? -1)])),
        )
        .execute();
    } catch (error) {
      // The mailbox was deleted meanwhile.
      if (!isRefusedByData(error)) log?.warn({ err: error, mailbox }, 'mail store: the snapshot of a mailbox was not stored');
    } finally {
      writing.delete(mailbox);
    }
  }

  return {
    keep(read) {
      if (read.rows < worthStoring && read.useless === null) return;
      if (closed || writing.size >= AT_ONCE || writing.has(read.mailbox)) return;
      writing.set(read.mailbox, store(read, packColumns(read.columns)));
    },
    async close() {
      closed = true;
      await Promise.all(writing.values());
    },
  };
}
