// Entries: how a wake-up names its work. `ID` alone is the whole message, `ID/0-9,12` some of its recipients, `ID/w0-9,12` a
// warning about them.
import type { Entry } from '#shared/actor/actor.ts';
import { isQueueId } from './queue-id.ts';
import type { Work } from './spool.ts';

/** Recipient numbers must ascend. */
export function encodeWork(work: Work): Entry {
  return work.recipients.length ? `${work.id}/${work.warning ? 'w' : ''}${encodeRanges(work.recipients)}` : work.id;
}

/** Throws on what encodeWork cannot have made: such an entry becomes a dead letter. */
export function decodeWork(entry: Entry): Work {
  const slash = entry.indexOf('/');
  const id = slash < 0 ? entry : entry.slice(0, slash);
  if (!isQueueId(id)) throw new Error(`not a queue id: ${JSON.stringify(id)}`);
  if (slash < 0) return { id, recipients: [] };
  const warning = entry[slash + 1] === 'w';
  const recipients = decodeRanges(entry.slice(slash + (warning ? 2 : 1)));
  return warning ? { id, recipients, warning } : { id, recipients };
}

/** Numbers that ascend, as text: `0-9,12`. */
export function encodeRanges(numbers: readonly number[]): string {
  let text = '';
  for (let i = 0; i < numbers.length; ) {
    const first = numbers[i] as number;
    let last = first;
    while (numbers[++i] === last + 1) last++;
    text += `${text ? ',' : ''}${last > first ? `${first}-${last}` : first}`;
  }
  return text;
}

export function decodeRanges(text: string): number[] {
  const numbers: number[] = [];
  for (const range of text.split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(range);
    if (!match) throw new Error(`not recipient numbers: ${JSON.stringify(text)}`);
    for (let n = Number(match[1]); n <= Number(match[2] ?? match[1]); n++) numbers.push(n);
  }
  return numbers;
}
