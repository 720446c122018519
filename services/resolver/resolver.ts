// The resolver of one domain: learns its hosts, once for all mail that waits, and sends the mail on to its site or ends it.
// Owns nothing but its key. What can fail: the spool or the cache (a throw); the DNS's failures are outcomes.
import type { Activation, KeyedActor } from '#shared/actor/actor.ts';
import { wantsDsn } from '#shared/mail/notify.ts';
import { type Destination, destinationKey, partitionFor, siteBudget } from '#shared/protocol/destination.ts';
import type { Resolution } from '#shared/protocol/resolution.ts';
import { retryOf } from '#shared/protocol/retry-schedule.ts';
import type { Delayed, Failed } from '#shared/smtp/outcome.ts';
import type { Recipient } from '#shared/spool/record.ts';
import type { Fence, MessageView, Settlement, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork } from '#shared/spool/work.ts';
import { messageSpan } from '#shared/telemetry/tracing.ts';
import type { Host } from '../host.ts';

export type ResolverHost = Pick<Host, 'config' | 'clock' | 'directory' | 'metrics' | 'log' | 'spool'>;

export interface ResolverParts {
  /** The hosts of a domain, from the cache or the DNS. */
  readonly resolutionOf: (domain: string) => Promise<Resolution>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Entries in hand at once: they wait for one answer and for Redis, not for each other. */
const WINDOW = 64;

/** Where mail for a domain goes now, or what became of it. */
type Way = { readonly destination: Destination; readonly resolution?: Resolution };
type Verdict = Way | Failed | Delayed;

export function createResolver(host: ResolverHost, { resolutionOf, random }: ResolverParts, activation: Activation): KeyedActor {
  const { key: domain, epoch } = activation;
  const fence: Fence = { mailbox: { role: 'resolver', key: domain }, epoch };

  const receive = async (entry: string) => {
    const view = await host.spool.read(decodeWork(entry), fence.mailbox);
    if (!view) return;
    const verdict = await messageSpan('resolver', view, () => verdictFor(host, domain, resolutionOf));
    // The process stops: what it learnt last may be its own end and not the domain's. The next activation has the entry.
    if (activation.leaseLeft() <= 0) return;
    if (!('kind' in verdict)) return sendOn(host, fence, view, domain, verdict);
    await settle(host, fence, view, verdict, random);
  };
  // Mail that comes after an answer goes by the cache.
  return { receive, window: () => WINDOW, linger: 0 };
}

/** The route of the domain is asked for again: it may have changed while the mail waited. */
async function verdictFor({ directory }: ResolverHost, domain: string, resolutionOf: (domain: string) => Promise<Resolution>): Promise<Verdict> {
  const { route } = directory.route(domain);
  switch (route.transport) {
    case 'smarthost':
      return { destination: { transport: 'smarthost', host: route.host, port: route.port } };
    case 'error':
      return route.status.startsWith('4') ? delayed(route.status, route.text) : failed(route.status, route.text);
    case 'local':
    case 'dns':
      return verdictOf(domain, await resolutionOf(domain));
  }
}

function verdictOf(domain: string, resolution: Resolution): Verdict {
  switch (resolution.kind) {
    case 'hosts':
      return { destination: { transport: 'dns', site: resolution.site }, resolution };
    case 'null-mx':
      // RFC 7505 section 4.1: 556 5.1.10, the domain says that it takes no mail.
      return failed('5.1.10', `Domain ${domain} does not accept mail (null MX)`);
    case 'failed':
      return failed(resolution.status, resolution.diagnostic);
    case 'delayed':
      return delayed(resolution.status, resolution.diagnostic);
  }
}

function failed(status: string, diagnostic: string): Failed {
  return { kind: 'failed', status, diagnostic };
}

function delayed(status: string, diagnostic: string): Delayed {
  return { kind: 'delayed', scope: 'site', status, diagnostic };
}

/** All recipients of this message at this domain travel together. */
async function sendOn(
  { spool, clock, config }: ResolverHost,
  fence: Fence,
  view: MessageView,
  domain: string,
  { destination, resolution }: Way,
): Promise<void> {
  const { partitions } = siteBudget(config().sites, destination, domain);
  const key = destinationKey(destination, partitionFor(view.id, partitions));
  const hosts = resolution?.kind === 'hosts' ? resolution.hosts.map(({ name, preference }) => `${preference} ${name}`) : undefined;
  const numbers = view.recipients.map(({ number }) => number);
  const event: TraceEvent = { id: view.id, at: clock.now(), kind: 'resolved', detail: { domain, to: key, recipients: numbers, ...(hosts && { hosts }) } };
  await spool.move(view.work, fence, { role: 'remote-delivery', key }, clock.now(), [event]);
}

async function settle(host: ResolverHost, fence: Fence, view: MessageView, verdict: Failed | Delayed, random: () => number): Promise<void> {
  // One chance for all of a message: its recipients come due together.
  const chance = random();
  const settlements = view.recipients.map((recipient) => settlement(host, view, recipient, verdict, chance));
  const result = await host.spool.settle(view, fence, settlements, eventsOf(host, view, settlements));
  if (result === 'committed') count(host, view, settlements);
  else host.log.warn({ id: view.id, result }, 'outcome not committed');
}

function settlement({ config, clock }: ResolverHost, view: MessageView, recipient: Recipient, verdict: Failed | Delayed, chance: number): Settlement {
  const { number, notify } = recipient;
  const attempt = recipient.attempts + 1;
  const owesDsn = wantsDsn(notify, 'failure');
  if (verdict.kind === 'failed') return { number, attempt, outcome: verdict, owesDsn };
  const retry = retryOf(view, recipient, { now: clock.now(), chance, delivery: config().delivery });
  if (retry) return { number, attempt, outcome: verdict, next: { due: retry.due }, owesDsn: false, ...(retry.warn && { warn: true }) };
  // RFC 3463 section 3.5: X.4.7, delivery time expired.
  return { number, attempt, outcome: failed('4.4.7', `Delivery time expired; last seen: ${verdict.diagnostic}`), owesDsn };
}

function eventsOf({ clock }: ResolverHost, view: MessageView, settlements: readonly Settlement[]): TraceEvent[] {
  return settlements.map((each) => ({
    id: view.id,
    at: clock.now(),
    kind: each.outcome.kind,
    detail: { ...detailOf(view, each), ...(each.next && { due: each.next.due }) },
  }));
}

function count({ metrics, log }: ResolverHost, view: MessageView, settlements: readonly Settlement[]): void {
  for (const each of settlements) {
    metrics.outcomes.inc({ role: 'resolver', kind: each.outcome.kind });
    log.info({ id: view.id, ...detailOf(view, each) }, each.outcome.kind);
  }
}

function detailOf(view: MessageView, { number, outcome }: Settlement) {
  const { status, diagnostic } = outcome as Failed | Delayed;
  return { recipient: number, address: view.recipients.find((recipient) => recipient.number === number)?.address, status, diagnostic };
}
