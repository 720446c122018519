// Measures how long a process that has just started takes to read a mailbox for SELECT: row by row, from its stored snapshot, and from one since
// which a hundredth has changed. Milliseconds, the median of new processes. Usage: node loadtest/mail-store-select.ts
// [sqlite | postgres | both] [messages] [processes]
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { type MailstoreTables, migrations } from '#shared/mailstore/schema.ts';
import { newQueueId } from '#shared/spool/queue-id.ts';
import { type Database, openDatabase } from '#shared/sql/database.ts';
import { systemClock } from '#shared/telemetry/clock.ts';
import { startPostgres } from '#shared/testing/postgres.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

const ADDRESS = 'user@example.org';
const CHILD = 'read';

async function readOnce(dataDir: string, database: string | undefined, snapshotFrom: number): Promise<void> {
  const store = await openMailstore({ database, dataDir, clock: systemClock, snapshotFrom });
  const account = await store.account(ADDRESS);
  const inbox = account?.open((await account.find('INBOX'))?.id ?? 0);
  const began = performance.now();
  await inbox?.snapshot();
  console.log(performance.now() - began);
  await store.close();
}

/** Each with its own modseq, and every fiftieth changed since it came. */
async function fill({ db }: Database<MailstoreTables>, messages: number): Promise<void> {
  await sql`insert into messages (mailbox_id, uid, modseq, content_id, own_header, internaldate, size, flag_code, queue_id, recipient)
    with recursive numbers(n) as (select 2 union all select n + 1 from numbers where n < ${messages})
    select mailbox_id, n, case when n % 50 = 0 then ${messages} + n else n + 1 end, content_id, own_header, internaldate, size, n % 3, queue_id, recipient
    from messages, numbers where uid = 1`.execute(db);
  await sql`update mailboxes set uidnext = ${messages + 1}, highestmodseq = ${2 * messages + 1} where name = 'INBOX'`.execute(db);
}

async function measure(database: string | undefined, messages: number, processes: number): Promise<readonly number[]> {
  await using directory = await tempDir('mail-store-select');
  const store = await openMailstore({ database, dataDir: directory.path, clock: systemClock });
  await store.ensureAccount(ADDRESS);
  const ownHeader = `Return-Path: <sender@example.com>\r\nDelivered-To: ${ADDRESS}\r\n`;
  await store.deliver(Buffer.from('x'), 1, [{ queueId: newQueueId(0, 0), recipient: 0, account: ADDRESS, mailbox: 'INBOX', ownHeader, receivedAt: 0 }]);
  await store.close();
  const index = await openDatabase<MailstoreTables>({ url: database, file: join(directory.path, 'mail.sqlite'), store: 'mail', migrations });
  await fill(index, messages);
  if (database) await sql`vacuum analyze`.execute(index.db);
  const median = async (snapshotFrom: number): Promise<number> => {
    const times: number[] = [];
    for (let process = 0; process < processes; process++) times.push(await inNewProcess(directory.path, database, snapshotFrom));
    return times.sort((a, b) => a - b)[processes >> 1] ?? 0;
  };
  const rows = await median(Number.POSITIVE_INFINITY);
  await inNewProcess(directory.path, database, 1);
  const stored = await median(Number.POSITIVE_INFINITY);
  await sql`update messages set modseq = ${2 * messages + 2} where uid % 100 = 0`.execute(index.db);
  await sql`update mailboxes set highestmodseq = ${2 * messages + 2} where name = 'INBOX'`.execute(index.db);
  const changed = await median(Number.POSITIVE_INFINITY);
  const { rows: sizes } = await sql<{ octets: number }>`select length(columns) as octets from mailbox_snapshots`.execute(index.db);
  await index.close();
  return [rows, stored, changed, sizes[0]?.octets ?? 0];
}

async function inNewProcess(dataDir: string, database: string | undefined, snapshotFrom: number): Promise<number> {
  const args = [import.meta.filename, CHILD, dataDir, String(snapshotFrom), ...(database ? [database] : [])];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

const [which = 'both', ...others] = process.argv.slice(2);
if (which === CHILD) await readOnce(others[0] ?? '', others[2], Number(others[1]));
else {
  const [messages = 100_000, processes = 9] = others.map(Number);
  await using postgres = which === 'sqlite' ? null : await startPostgres();
  console.log('| database | messages | row by row | stored | stored, 1 in 100 changed | octets |\n|---|---|---|---|---|---|');
  for (const database of ['sqlite', 'postgres'].filter((name) => which === 'both' || which === name)) {
    const url = database === 'postgres' ? await postgres?.createDatabase('select') : undefined;
    const figures = await measure(url, messages, processes);
    console.log(`| ${[database, messages, ...figures.map((figure) => Math.round(figure * 10) / 10)].join(' | ')} |`);
  }
}
