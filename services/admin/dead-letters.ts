// Dead letters: entries that an actor could not handle, kept with their error. Replaying tells them again; dropping forgets them.
// A replay is told in the message's trace. What can fail: Redis away.
import type { DeadLetter } from '#shared/actor/system.ts';
import type { ChangeAnswer } from '#shared/protocol/admin-api.ts';
import { encodeEvents } from '#shared/spool/codec.ts';
import { shardWith } from '#shared/spool/inspect.ts';
import { isQueueId } from '#shared/spool/queue-id.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import type { TraceEvent } from '#shared/spool/spool.ts';
import type { Operations } from './operations.ts';

export interface DeadLetterChoice {
  /** Without it: every mailbox. */
  readonly mailbox?: string | undefined;
  /** Without it: every entry. A queue id means all entries of that message. */
  readonly entry?: string | undefined;
}

const MOST = 100_000;

export async function changeDeadLetters(operations: Operations, choice: DeadLetterChoice, change: 'replay' | 'drop'): Promise<ChangeAnswer> {
  const { system, log } = operations;
  const meant = (await system.deadLetters(MOST)).filter((letter) => isMeant(letter, choice));
  let changed = 0;
  for (const letter of meant) {
    const { mailbox, entry, error } = letter;
    // Told before: a replay that is cut short is then at worst told twice.
    await note(operations, letter, change);
    const done = await (change === 'replay' ? system.replayDeadLetter(mailbox, entry) : system.dropDeadLetter(mailbox, entry));
    if (!done) continue;
    changed++;
    log.info({ id: entry.slice(0, 25), mailbox, entry, error, audit: true }, `dead letter ${change === 'replay' ? 'replayed' : 'dropped'}`);
  }
  return { matched: meant.length, changed };
}

function isMeant(letter: DeadLetter, { mailbox, entry }: DeadLetterChoice): boolean {
  return (mailbox === undefined || letter.mailbox === mailbox) && (entry === undefined || letter.entry === entry || letter.entry.startsWith(`${entry}/`));
}

async function note({ system, clock }: Operations, { mailbox, entry, error, at }: DeadLetter, change: 'replay' | 'drop'): Promise<void> {
  const id = entry.slice(0, 25);
  const shard = isQueueId(id) ? shardWith(system, id) : undefined;
  if (!isQueueId(id) || !shard) return;
  const detail = { mailbox, entry, error };
  const events: TraceEvent[] = [
    { id, at, kind: 'dead-letter', detail: change === 'drop' ? { ...detail, dropped: true } : detail },
    ...(change === 'replay' ? [{ id, at: clock.now(), kind: 'replayed' as const, detail: { mailbox, entry } }] : []),
  ];
  await shard.submit(spoolScripts.note, [id, encodeEvents(events)]);
}
