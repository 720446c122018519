// The router: expands a message's recipients once and writes for each where it waits next (README, the picture of the path).
// Owns nothing between messages. What can fail: the spool or the shared cache, which throws, and the runtime tries again.
import type { PoolActor } from '#shared/actor/actor.ts';
import type { Route } from '#shared/config/schema.ts';
import { wantsDsn } from '#shared/mail/notify.ts';
import { type Destination, destinationKey, partitionFor, siteBudget } from '#shared/protocol/destination.ts';
import type { Resolution } from '#shared/protocol/resolution.ts';
import type { Mailbox, Receiver } from '#shared/protocol/topology.ts';
import type { Delivered, Failed } from '#shared/smtp/outcome.ts';
import { inParts } from '#shared/spool/parts.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Transport } from '#shared/spool/record.ts';
import type { MessageView, NewRecipient, TraceEvent } from '#shared/spool/spool.ts';
import { decodeWork } from '#shared/spool/work.ts';
import { messageSpan } from '#shared/telemetry/tracing.ts';
import type { Host } from '../host.ts';
import { type Expanded, expandRecipients, type Fate } from './expand.ts';

export type RouterHost = Pick<Host, 'config' | 'clock' | 'directory' | 'resolutions' | 'metrics' | 'log' | 'spool'>;

type Next = Mailbox<Receiver<'router'>>;

const ROUTER = { role: 'router' } as const;
const LOCAL_MAILBOX: Next = { role: 'local-mailbox' };
const BOUNCE: Next = { role: 'bounce' };
/** Recipients that one trace event lists; a list of thousands becomes several events. */
const RECIPIENTS_PER_EVENT = 50;

/** `receive` is idempotent: the spool keeps the first expansion, and a repeat finds nothing to do. */
export function createRouter(host: RouterHost): PoolActor {
  return {
    receive: async (entry) => {
      const view = await host.spool.read(decodeWork(entry), ROUTER);
      if (view) await messageSpan('router', view, () => route(host, view));
    },
  };
}

async function route(host: RouterHost, view: MessageView): Promise<void> {
  const { id, head } = view;
  const expanded = await expandRecipients(head, host.directory);
  const ways = await waysOf(host, id, expanded);
  const recipients = expanded.map((each, number) => newRecipient(each, number, ways[number] as Way));
  await host.spool.expand(view, recipients, eventsOf(id, host.clock.now(), recipients));
  count(host, id, recipients);
}

/** Where a recipient waits next, and which transport that is; for a final fate, the DSN's composer. */
interface Way {
  readonly transport: Transport;
  readonly mailbox: Next;
  readonly final?: Delivered | Failed;
}

/** Recipients of one domain have one way: they travel together. */
async function waysOf(host: RouterHost, id: QueueId, expanded: readonly Expanded[]): Promise<readonly Way[]> {
  const byDomain = new Map<string, Way | Promise<Way>>();
  for (const { fate, domain } of expanded) if (fate.kind === 'route' && !byDomain.has(domain)) byDomain.set(domain, wayOf(host, id, fate.route, domain));
  const asked = Array.from(byDomain, async ([domain, way]) => byDomain.set(domain, await way));
  await Promise.all(asked);
  return expanded.map(({ fate, domain }) => (fate.kind === 'route' ? (byDomain.get(domain) as Way) : finalWay(fate)));
}

function finalWay(fate: Exclude<Fate, { kind: 'route' }>): Way {
  switch (fate.kind) {
    case 'local':
      return { transport: 'local', mailbox: LOCAL_MAILBOX };
    case 'expanded':
      return { transport: 'local', mailbox: BOUNCE, final: { kind: 'delivered' } };
    case 'failed':
      return failure(fate.status, fate.diagnostic);
  }
}

/** A promise only where the shared cache must be asked. */
function wayOf(host: RouterHost, id: QueueId, route: Route, domain: string): Way | Promise<Way> {
  switch (route.transport) {
    case 'local':
      return { transport: 'local', mailbox: LOCAL_MAILBOX };
    case 'smarthost':
      return { transport: 'smarthost', mailbox: remote(host, id, { transport: 'smarthost', host: route.host, port: route.port }, domain) };
    case 'error':
      // `not now` waits at the resolver, which asks for the domain's route each time it comes due: the rule may be gone then.
      return route.status.startsWith('4') ? { transport: 'error', mailbox: { role: 'resolver', key: domain } } : failure(route.status, route.text);
    case 'dns': {
      const known = host.resolutions.peek(domain);
      return known ? byDns(host, id, domain, known) : host.resolutions.lookup(domain).then((found) => byDns(host, id, domain, found));
    }
  }
}

/** What has no site, what nobody knows, and one message of what is about to expire, the resolver sees to. */
function byDns(host: RouterHost, id: QueueId, domain: string, known: Resolution | null): Way {
  if (known?.kind !== 'hosts' || host.resolutions.claimRefresh(domain)) return { transport: 'dns', mailbox: { role: 'resolver', key: domain } };
  return { transport: 'dns', mailbox: remote(host, id, { transport: 'dns', site: known.site }, domain) };
}

function remote(host: RouterHost, id: QueueId, destination: Destination, domain: string): Next {
  const { partitions } = siteBudget(host.config().sites, destination, domain);
  return { role: 'remote-delivery', key: destinationKey(destination, partitionFor(id, partitions)) };
}

function failure(status: string, diagnostic: string): Way {
  return { transport: 'error', mailbox: BOUNCE, final: { kind: 'failed', status, diagnostic } };
}

function newRecipient({ address, domain, of, notify, orcpt, rule }: Expanded, number: number, { transport, mailbox, final }: Way): NewRecipient {
  const recipient = { number, address, domain, of, ...(notify && { notify }), ...(orcpt !== undefined && { orcpt }), rule, transport, mailbox };
  if (!final) return recipient;
  return { ...recipient, outcome: final, owesDsn: wantsDsn(notify, final.kind === 'failed' ? 'failure' : 'success') };
}

function eventsOf(id: QueueId, at: number, recipients: readonly NewRecipient[]): TraceEvent[] {
  return inParts(recipients, RECIPIENTS_PER_EVENT).map((listed) => ({ id, at, kind: 'routed', detail: routed(listed) }));
}

/** What all have in common is told once. */
function routed(recipients: readonly NewRecipient[]): TraceEvent['detail'] {
  const [first] = recipients;
  if (first && recipients.every((each) => each.rule === first.rule && each.mailbox === first.mailbox && !whyOf(each)))
    return { rule: first.rule, to: placeOf(first.mailbox), recipients: recipients.map(({ number, address }) => ({ number, address })) };
  return { recipients: recipients.map((each) => ({ number: each.number, address: each.address, rule: each.rule, to: placeOf(each.mailbox), ...whyOf(each) })) };
}

/** Why a recipient fails here and now. */
function whyOf({ outcome }: NewRecipient): { readonly why: string } | undefined {
  return outcome?.kind === 'failed' ? { why: `${outcome.status} ${outcome.diagnostic}` } : undefined;
}

function placeOf(mailbox: Mailbox): string {
  return 'key' in mailbox ? mailbox.key : mailbox.role;
}

function count({ metrics, log }: RouterHost, id: QueueId, recipients: readonly NewRecipient[]): void {
  for (const { outcome, address, rule } of recipients) {
    if (outcome?.kind !== 'failed') continue;
    metrics.outcomes.inc({ role: 'router', kind: 'failed' });
    log.info({ id, recipient: address, rule, status: outcome.status, diagnostic: outcome.diagnostic }, 'failed');
  }
}
