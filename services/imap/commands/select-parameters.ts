// The parameters of SELECT: CONDSTORE, and QRESYNC with what the client knows (RFC 7162 section 3.2.5), and the answer to the latter: what vanished
// and what changed since. Without a database's help where the history of this process reaches back far enough.
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import type { SelectedMailbox } from '../session/selected-mailbox.ts';
import type { Session } from '../session/session.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { formatRanges, type NumberRange, normalised, type SequenceSet } from '../syntax/sequence-set.ts';

/** What a client knows from its last session. */
export interface Known {
  readonly uidvalidity: number;
  readonly modseq: number;
  /** UIDs that it has; null is all. */
  readonly uids: SequenceSet | null;
}

export interface SelectParameters {
  readonly condstore: boolean;
  readonly known: Known | null;
}

/** Reads ` (CONDSTORE)` or ` (QRESYNC (...))`. */
export function readParameters(args: ArgumentReader, { features }: Session): SelectParameters {
  let condstore = false;
  let known: Known | null = null;
  args.space();
  args.list(() => {
    const parameter = args.keyword();
    condstore = true;
    if (parameter === 'CONDSTORE') return;
    if (parameter !== 'QRESYNC' || known) throw new BadSyntax('Unknown parameter of SELECT');
    // RFC 7162 section 3.2.5: ENABLE comes first.
    if (!features.qresync) throw new BadSyntax('QRESYNC is not enabled');
    args.space();
    known = args.nested(() => readKnown(args));
  });
  return { condstore, known };
}

function readKnown(args: ArgumentReader): Known {
  const uidvalidity = args.nzNumber();
  args.space();
  const modseq = args.nzNumber();
  let uids: SequenceSet | null = null;
  if (args.take(' ') && args.peek() !== '(') {
    uids = readUids(args);
    if (!args.take(' ')) return { uidvalidity, modseq, uids };
  }
  // Sequence numbers and their UIDs: a hint that spares old servers work; we remember what was expunged.
  if (args.peek() === '(')
    args.nested(() => {
      readUids(args);
      args.space();
      readUids(args);
    });
  return { uidvalidity, modseq, uids };
}

function readUids(args: ArgumentReader): SequenceSet {
  const set = args.sequenceSet();
  // RFC 7162 section 7, known-uids: no `*`, no `$`.
  if (set.kind === 'saved' || set.ranges.some((range) => range.includes(0))) throw new BadSyntax('Expected a set of numbers');
  return set;
}

/** RFC 7162 section 3.2.5.1: VANISHED (EARLIER), then FETCH of what changed. */
export async function resynchronise({ out, features }: Session, mailbox: SelectedMailbox, { modseq, uids }: Known): Promise<void> {
  if (modseq >= mailbox.moment.highestmodseq) return;
  const known = uids?.kind === 'numbers' ? normalised(uids.ranges, 0) : null;
  const { vanished, changed, highestmodseq } = await mailbox.store.changesSince(modseq);
  const gone = mailbox.absent(intersection(vanished, known ?? [[1, mailbox.moment.uidnext - 1]]));
  if (features.qresync && gone.length > 0) out.untagged(`VANISHED (EARLIER) ${formatRanges(gone)}`);
  if (highestmodseq > mailbox.view.present.highestmodseq) await mailbox.view.look();
  for (const uid of changed.uids) {
    if (known && !known.some(([first, last]) => first <= uid && uid <= last)) continue;
    const message = mailbox.view.columns.get(uid);
    if (message) mailbox.tellFlags(message);
    await out.ready();
  }
}

/** What is in both sets; ascending ranges. */
export function intersection(some: UidSet, others: UidSet): UidSet {
  const both: NumberRange[] = [];
  for (let i = 0, j = 0; i < some.length && j < others.length; ) {
    const [a, b] = some[i] as NumberRange;
    const [c, d] = others[j] as NumberRange;
    const first = Math.max(a, c);
    const last = Math.min(b, d);
    if (first <= last) both.push([first, last]);
    if (b < d) i++;
    else j++;
  }
  return both;
}
