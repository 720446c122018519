// The bounce actor: turns what is owed of a message, outcomes or the warning of a delay, into one DSN for each reverse-path and
// closes it, in one commit each.
// Owns nothing between entries. What can fail: the spool, which throws, and the runtime tries again.
import { hostname } from 'node:os';
import type { PoolActor } from '#shared/actor/actor.ts';
import { canonicalDomain } from '#shared/mail/address.ts';
import { expiryOf } from '#shared/protocol/retry-schedule.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, TraceEvent, Work } from '#shared/spool/spool.ts';
import { messageSpan } from '#shared/telemetry/tracing.ts';
import type { Host } from '../host.ts';
import { composeDsn, type Dsn } from './compose-dsn.ts';
import { readQuote } from './quote.ts';
import { mayQuoteWhole, type Quote, type Report, type ReportedRecipient, reported } from './report.ts';

export type BounceHost = Pick<Host, 'config' | 'clock' | 'log' | 'metrics' | 'spool'>;

const BOUNCE = { role: 'bounce' } as const;
/** Who is told about a message without a reverse-path: the router finds the mailbox (RFC 5321 section 4.5.1). */
const POSTMASTER = 'postmaster';
/** Recipients of one DSN: a list of thousands must not make a message that nobody takes. */
const MAX_RECIPIENTS = 500;

/** A round leaves only what changed while it composed: each time another process got ahead. */
const MAX_ROUNDS = 20;

/** Some recipients of a message about which a DSN is owed, and who is told of them: nobody when `to` is null. */
interface Notice {
  readonly to: string | null;
  readonly recipients: readonly Recipient[];
  readonly told: readonly ReportedRecipient[];
}

export function createBounce(host: BounceHost, decodeWork: (entry: string) => Work): PoolActor {
  return {
    receive: async (entry) => {
      const work = decodeWork(entry);
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const view = await host.spool.read(work, BOUNCE);
        if (!view || (await messageSpan('bounce', view, () => settleAll(host, view)))) return;
      }
      throw new Error('what is owed changed while it was reported');
    },
  };
}

/** True when that was all of the wake-up; otherwise it must be read again, which takes a finished wake-up away. */
async function settleAll(host: BounceHost, view: MessageView): Promise<boolean> {
  const notices = noticesOf(view);
  let committed = true;
  for (const notice of notices) committed = (await settle(host, view, notice)) && committed;
  return committed && notices[0]?.recipients.length === view.work.recipients.length;
}

/** One notice for each reverse-path (a list has its own), in pieces that fit a DSN; and one for what nobody is told. */
export function noticesOf(view: MessageView): readonly Notice[] {
  const groups = Map.groupBy(view.recipients, (recipient) => addressee(view, recipient));
  return [...groups].flatMap(([to, recipients]) =>
    chunks(recipients).map((chunk) => ({ to, recipients: chunk, told: chunk.flatMap((each) => reported(each) ?? []) })),
  );
}

/**
 * Who is told of this recipient's outcome; null when nobody wants to hear of it. RFC 5321 section 6.1: nothing is ever sent in
 * answer to a null reverse-path; its failures go to the postmaster, and the failure of such a report to nobody, so nothing loops.
 */
function addressee({ head }: MessageView, recipient: Recipient): string | null {
  const outcome = reported(recipient);
  const reversePath = recipient.reversePath ?? head.envelope.reversePath;
  if (outcome === null || reversePath !== '') return outcome && reversePath;
  const aboutUs = head.origin.kind === 'dsn' && head.envelope.recipients[recipient.of]?.address === POSTMASTER;
  return outcome.action === 'failed' && !aboutUs ? POSTMASTER : null;
}

function chunks<T>(items: readonly T[]): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / MAX_RECIPIENTS);
  return Array.from({ length: count }, (_, index) => items.slice(index * MAX_RECIPIENTS, (index + 1) * MAX_RECIPIENTS));
}

async function settle(host: BounceHost, view: MessageView, notice: Notice): Promise<boolean> {
  const work = { ...view.work, recipients: notice.recipients.map(({ number }) => number) };
  const dsn = notice.to === null ? null : await composeDsn(await reportOf(host, view, work, notice.to, notice.told));
  const result = await host.spool.settleOwed(work, dsn, eventsOf(host, view.id, notice, dsn));
  if (result === 'committed') record(host, view.id, notice, dsn);
  return result === 'committed';
}

async function reportOf(host: BounceHost, view: MessageView, work: Work, to: string, told: readonly ReportedRecipient[]): Promise<Report> {
  const { hostname: name, delivery } = host.config();
  return {
    id: host.spool.dsnId(work),
    parent: view.id,
    head: view.head,
    to,
    recipients: told.map((each) => (each.action === 'delayed' ? { ...each, retryUntil: expiryOf(view, each.recipient, delivery) } : each)),
    quote: await quoteOf(host, view, told),
    hostname: canonicalDomain(name ?? hostname()),
    receivedAt: view.head.receivedAt,
    now: host.clock.now(),
  };
}

/** Lost content must not keep the sender from hearing of the failure: the DSN then goes without it (RFC 6522 section 3). */
async function quoteOf(host: BounceHost, view: MessageView, told: readonly ReportedRecipient[]): Promise<Quote | null> {
  const limit = host.config().bounce.content_limit;
  try {
    return await readQuote(await host.spool.content(view), limit, mayQuoteWhole(view.head, told) && view.head.size <= limit);
  } catch (error) {
    if (!(error instanceof ContentMissingError)) throw error;
    host.log.error({ id: view.id, err: error }, 'content is missing: the DSN goes without it');
    return null;
  }
}

function eventsOf(host: BounceHost, id: QueueId, notice: Notice, dsn: Dsn | null): readonly TraceEvent[] {
  const failures = dsn ? notice.told : dropped(notice);
  if (failures.length === 0) return [];
  const recipients = failures.map(({ recipient }) => recipient.number);
  const detail = dsn ? { dsn: dsn.message.id, to: notice.to, actions: actionsOf(notice), recipients } : { dropped: true, recipients };
  return [{ id, at: host.clock.now(), kind: 'dsn', detail }];
}

/** A failure that nobody can be told of is dropped here, and nowhere without a line, a count and a trace event. */
function record({ metrics, log }: BounceHost, id: QueueId, notice: Notice, dsn: Dsn | null): void {
  if (dsn) {
    const actions = actionsOf(notice);
    for (const action of actions) metrics.dsns.inc({ action });
    log.info({ id, dsn: dsn.message.id, to: notice.to, actions }, 'dsn');
  } else if (dropped(notice).length > 0) {
    metrics.dsns.inc({ action: 'dropped' });
    const recipients = dropped(notice).map(({ recipient }) => recipient.address);
    log.warn({ id, recipients: recipients.slice(0, 10) }, 'a report to the postmaster failed: nobody can be told');
  }
}

/** Failures in a notice to nobody that somebody should have heard of. */
function dropped({ to, told }: Notice): readonly ReportedRecipient[] {
  return to === null ? told.filter(({ action }) => action === 'failed') : [];
}

function actionsOf({ told }: Notice): readonly string[] {
  return [...new Set(told.map(({ action }) => action))];
}
