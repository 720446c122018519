// One attempt for one message at one destination: as few transactions as the next hop allows, each recipient with its
// outcome at the end. Owns nothing beyond the call. What breaks is told beside what came of it before; what a next hop does is an outcome.
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView } from '#shared/spool/spool.ts';
import type { Course, Guard, Report } from './attempt.ts';
import { OutgoingMessage, type OutgoingParts } from './outgoing-message.ts';

/** RFC 5321 section 4.5.3.1.8: every server takes at least 100 in one transaction. */
const MAX_RECIPIENTS = 100;

export interface DeliveryParts extends OutgoingParts {
  /** Wraps each transaction: spans, logs, metrics. */
  readonly observe: (run: () => Promise<Report>) => Promise<Report>;
}

/** What came of it, as far as it came before the lease ended or, with `broken`, the spool (or a bug) threw. */
export interface Delivery {
  readonly reports: readonly Report[];
  readonly broken?: unknown;
}

/** Delivers to all these recipients. It never rejects, for what was handed over must be settled whatever happens after. */
export async function deliver(parts: DeliveryParts, course: Course, guard: Guard, view: MessageView, recipients: readonly Recipient[]): Promise<Delivery> {
  const message = new OutgoingMessage(parts, course, guard, view);
  const reports: Report[] = [];
  const waiting = batches(view, recipients);
  try {
    for (let batch = waiting.shift(); batch; batch = waiting.shift()) {
      const current = batch;
      const lane = await message.lane();
      if (!guard.mayCommit()) {
        guard.lanes.giveBack(lane, course.pool, course.messagesPerConnection);
        return { reports };
      }
      const report = await parts.observe(() => message.transact(current, lane));
      reports.push(report);
      const rest = undecided(current, report);
      if (rest.length > 0) waiting.unshift(rest);
      if (report.refused) return { reports: [...reports, ...refusedToo(report, waiting)] };
      if (!guard.mayCommit()) return { reports };
    }
    return { reports };
  } catch (broken) {
    return { reports, broken };
  }
}

/** Who has no outcome: mostly nobody. */
function undecided(recipients: Recipient[], { settled }: Report): Recipient[] {
  if (settled.length === recipients.length) return [];
  const decided = new Set(settled.map(({ recipient }) => recipient));
  return recipients.filter((recipient) => !decided.has(recipient));
}

/** The site does not take us: the others of this message need not ask again. */
function refusedToo({ settled }: Report, waiting: readonly Recipient[][]): readonly Report[] {
  const outcome = settled[0]?.outcome;
  return outcome ? waiting.map((others) => ({ settled: others.map((recipient) => ({ recipient, outcome })), lost: false, refused: true })) : [];
}

/** One transaction has one reverse-path. */
function batches(view: MessageView, recipients: readonly Recipient[]): Recipient[][] {
  const { reversePath } = view.head.envelope;
  const groups = Map.groupBy(recipients, (recipient) => recipient.reversePath ?? reversePath);
  return [...groups.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / MAX_RECIPIENTS) }, (_, at) => group.slice(at * MAX_RECIPIENTS, (at + 1) * MAX_RECIPIENTS)),
  );
}
