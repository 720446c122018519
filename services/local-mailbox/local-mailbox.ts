// The local-mailbox actor (MDA): files a message for its recipients here into the mail store, and settles what became of it.
// Idempotent by queue id and recipient. What can fail: spool, SQL or the content's disk, which throws, and the runtime tries again.
import type { PoolActor } from '#shared/actor/actor.ts';
import type { DeliveryResult, LocalDelivery } from '#shared/mailstore/mailstore.ts';
import type { Delayed } from '#shared/smtp/outcome.ts';
import { ContentMissingError, SpoolFullError } from '#shared/spool/cold-store.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { MessageView, Settlement, TraceEvent, Work } from '#shared/spool/spool.ts';
import { messageSpan } from '#shared/telemetry/tracing.ts';
import type { Host } from '../host.ts';
import { ownHeader } from './own-header.ts';
import { CONTENT_MISSING, STORE_FULL, settlementOf, UNKNOWN, type Verdict, verdictOf } from './verdict.ts';

export type LocalMailboxHost = Pick<Host, 'config' | 'clock' | 'directory' | 'mailstore' | 'metrics' | 'log' | 'spool'>;

export interface LocalMailboxParts {
  readonly decodeWork: (entry: string) => Work;
  /** In [0, 1). */
  readonly random: () => number;
}

const MAILBOX = { role: 'local-mailbox' } as const;

/** One recipient, the account it is filed for when there is one, and what became of it. */
interface Filed {
  readonly recipient: Recipient;
  readonly account?: string;
  readonly verdict: Verdict;
  readonly stored?: Extract<DeliveryResult, { kind: 'stored' }>;
}

interface Addressed {
  readonly recipient: Recipient;
  readonly account: string;
}

export function createLocalMailbox(host: LocalMailboxHost, { decodeWork, random }: LocalMailboxParts): PoolActor {
  // Accounts whose rows this process has seen or made.
  const ensured = new Set<string>();

  return {
    async receive(entry) {
      const view = await host.spool.read(decodeWork(entry), MAILBOX);
      if (!view) return;
      host.metrics.attempts.inc({ role: 'local-mailbox' });
      const filed = await messageSpan('local-mailbox', view, () => file(host, ensured, view));
      const now = host.clock.now();
      const occasion = { now, chance: random(), delivery: host.config().delivery };
      const settlements = filed.map(({ recipient, verdict }) => settlementOf(view, recipient, verdict, occasion));
      const result = await host.spool.settle(view, { mailbox: MAILBOX }, settlements, eventsOf(view, filed, settlements, now));
      if (result === 'committed') report(host, view, filed, settlements, now);
    },
  };
}

async function file(host: LocalMailboxHost, ensured: Set<string>, view: MessageView): Promise<Filed[]> {
  const addressed: Addressed[] = [];
  const filed: Filed[] = [];
  for (const recipient of view.recipients) {
    const account = await accountOf(host, ensured, recipient);
    if (account === null) filed.push({ recipient, verdict: UNKNOWN });
    else addressed.push({ recipient, account });
  }
  return addressed.length > 0 ? [...filed, ...(await store(host, ensured, view, addressed))] : filed;
}

/** The account's canonical address, its row made sure of; null when it has gone since the router looked. */
async function accountOf({ directory, mailstore }: LocalMailboxHost, ensured: Set<string>, { address }: Recipient): Promise<string | null> {
  const verdict = await directory.lookup(address);
  if (verdict.kind !== 'account') return null;
  const account = verdict.account.address;
  if (!ensured.has(account)) {
    await mailstore.ensureAccount(account);
    ensured.add(account);
  }
  return account;
}

async function store(host: LocalMailboxHost, ensured: Set<string>, view: MessageView, addressed: readonly Addressed[]): Promise<Filed[]> {
  // RFC 9051 section 2.3.3: the internal date is that of the final delivery.
  const receivedAt = host.clock.now();
  const deliveries = addressed.map(({ recipient, account }) => deliveryOf(view, recipient, account, receivedAt));
  const results = await deliver(host, view, deliveries);
  return addressed.map(({ recipient, account }, index) => {
    const result = results[index];
    const verdict = result && ('status' in result ? result : verdictOf(result));
    if (verdict) return { recipient, account, verdict, ...(result?.kind === 'stored' && { stored: result }) };
    ensured.delete(account);
    throw new Error(`the mail store has lost the account ${account}`);
  });
}

function deliveryOf({ id, head }: MessageView, recipient: Recipient, account: string, receivedAt: number): LocalDelivery {
  const reversePath = recipient.reversePath ?? head.envelope.reversePath;
  return { queueId: id, recipient: recipient.number, account, mailbox: 'INBOX', ownHeader: ownHeader(reversePath, recipient.address), receivedAt };
}

/** What is full or missing delays the mail, until its age ends it: it is no bounce at once, and no dead letter. */
async function deliver(
  { spool, mailstore, log, metrics }: LocalMailboxHost,
  view: MessageView,
  deliveries: readonly LocalDelivery[],
): Promise<readonly (DeliveryResult | Delayed)[]> {
  const content = await spool.content(view).catch(missing);
  // The spool has counted and logged it.
  if (content === null) return deliveries.map(() => CONTENT_MISSING);
  try {
    return await mailstore.deliver(content, view.head.size, deliveries);
  } catch (error) {
    if (error instanceof SpoolFullError) {
      log.error({ id: view.id, err: error }, 'the mail store is full');
      return deliveries.map(() => STORE_FULL);
    }
    missing(error);
    metrics.contentMissing.inc();
    log.error({ id: view.id, err: error }, 'content is damaged');
    return deliveries.map(() => CONTENT_MISSING);
  }
}

function missing(error: unknown): null {
  if (error instanceof ContentMissingError) return null;
  throw error;
}

function eventsOf({ id }: MessageView, filed: readonly Filed[], settlements: readonly Settlement[], at: number): TraceEvent[] {
  return filed.map(({ recipient, account, stored }, index) => {
    const { outcome, next } = settlements[index] as Settlement;
    const why = 'status' in outcome ? { status: outcome.status, diagnostic: outcome.diagnostic } : {};
    const where = stored ? { account, mailbox: 'INBOX', uid: stored.uid, ...(stored.repeated && { repeated: true }) } : {};
    return {
      id,
      at,
      kind: outcome.kind,
      detail: { recipient: recipient.number, address: recipient.address, ...where, ...why, ...(next && { due: next.due }) },
    };
  });
}

function report({ metrics, log }: LocalMailboxHost, { id, head }: MessageView, filed: readonly Filed[], settlements: readonly Settlement[], now: number): void {
  for (const [index, { recipient, stored }] of filed.entries()) {
    const { outcome } = settlements[index] as Settlement;
    metrics.outcomes.inc({ role: 'local-mailbox', kind: outcome.kind });
    if (outcome.kind !== 'delayed') metrics.endToEndSeconds.observe({ kind: outcome.kind }, Math.max(0, now - head.receivedAt) / 1000);
    const why = 'status' in outcome ? { status: outcome.status, diagnostic: outcome.diagnostic } : { uid: stored?.uid };
    log.info({ id, recipient: recipient.address, ...why }, outcome.kind);
  }
}
