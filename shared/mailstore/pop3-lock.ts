// The exclusive lock of a POP3 session on its mailbox: a lease in the database, by the database's clock, renewed while its process lives.
// Taking it fails as the database does; a lease that cannot be renewed in time is lost, and says so.
import { randomUUID } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type { Engine } from '#shared/sql/database.ts';
import type { LockResult, MailboxLock } from './mailbox-store.ts';
import { standing } from './mailbox-view.ts';
import type { Place } from './remove-messages.ts';
import type { StoreContext } from './store-context.ts';

/** Milliseconds. */
const LEASE = 15_000;
const RENEW_EVERY = 5_000;

export async function lockMailboxForPop3(context: StoreContext, place: Place, holder: string, lease = LEASE): Promise<LockResult> {
  const { db, engine } = context.database;
  await standing(context, place);
  const token = randomUUID();
  const now = nowOf(engine);
  const asked = context.clock.monotonic();
  // One statement: whoever comes second sees a lease that has not expired.
  const { rows } = await sql<{ token: string }>`insert into mailbox_locks (mailbox_id, token, holder, since, expires_at)
    values (${place.mailbox}, ${token}, ${holder}, ${now}, ${now} + ${sql.lit(lease)})
    on conflict (mailbox_id) do update set token = excluded.token, holder = excluded.holder, since = excluded.since, expires_at = excluded.expires_at
    where mailbox_locks.expires_at <= ${now} returning token`.execute(db);
  if (rows[0]?.token === token) return { kind: 'locked', lock: held(context, place.mailbox, token, lease, asked) };
  const other = await db.selectFrom('mailbox_locks').select(['holder', 'since']).where('mailbox_id', '=', place.mailbox).executeTakeFirst();
  return { kind: 'in-use', holder: other?.holder ?? '', since: other?.since ?? context.clock.now() };
}

function held({ database: { db, engine }, clock, log }: StoreContext, mailbox: number, token: string, lease: number, since: number): MailboxLock {
  const lost = new AbortController();
  let until = since + lease;
  const renewing = setInterval(() => void renew(), Math.min(RENEW_EVERY, lease / 3)).unref();

  async function renew(): Promise<void> {
    const asked = clock.monotonic();
    try {
      const now = nowOf(engine);
      const { rows } = await sql<{ token: string }>`update mailbox_locks set expires_at = ${now} + ${sql.lit(lease)}
        where mailbox_id = ${mailbox} and token = ${token} and expires_at > ${now} returning token`.execute(db);
      if (rows.length > 0) until = asked + lease;
      else lose();
    } catch (error) {
      log?.warn({ err: error, mailbox }, 'mail store: a POP3 lock is not renewed');
    }
    if (clock.monotonic() >= until) lose();
  }
  function lose(): void {
    clearInterval(renewing);
    lost.abort(new Error('the lock on the mailbox has expired'));
  }

  return {
    get lost() {
      // A process that was stopped finds its lease over before its timers do.
      if (clock.monotonic() >= until) lose();
      return lost.signal;
    },
    async release() {
      clearInterval(renewing);
      await db
        .deleteFrom('mailbox_locks')
        .where('mailbox_id', '=', mailbox)
        .where('token', '=', token)
        .execute()
        .catch((error: unknown) => log?.warn({ err: error, mailbox }, 'mail store: a POP3 lock stays until it expires'));
    },
  };
}

/** Milliseconds since the epoch as the database sees them: the same for all who contend. */
function nowOf(engine: Engine): RawBuilder<number> {
  return engine === 'postgres' ? sql`cast(extract(epoch from clock_timestamp()) * 1000 as bigint)` : sql`cast(unixepoch('now', 'subsec') * 1000 as integer)`;
}
