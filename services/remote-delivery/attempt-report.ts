// What the world hears of a transaction: one log line, counters, a span under the message's trace, an event for `stafette trace`.
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { AttemptedDetail, AttemptedResult } from '#shared/protocol/attempted-detail.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { MessageView, Settlement, TraceEvent } from '#shared/spool/spool.ts';
import type { Clock } from '#shared/telemetry/clock.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import type { SiteLabels } from '#shared/telemetry/site-labels.ts';
import { startSpan } from '#shared/telemetry/tracing.ts';
import type { Report } from './attempt.ts';
import { replyText } from './smtp-client/loss.ts';

const ROLE = 'remote-delivery';

export interface Telemetry {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly labels: SiteLabels;
}

/** Runs one transaction in its span, counts it, logs it, and notes how long it took. */
export async function observed(telemetry: Telemetry, site: string, view: MessageView, run: () => Promise<Report>): Promise<Report> {
  const { clock, metrics } = telemetry;
  const began = clock.monotonic();
  metrics.attempts.inc({ role: ROLE });
  const span = startSpan('attempt', {
    traceparent: view.head.traceparent,
    kind: SpanKind.CLIENT,
    attributes: { 'stafette.id': view.id, 'stafette.site': site },
  });
  try {
    const report = await (span.isRecording() ? context.with(trace.setSpan(context.active(), span), run) : run());
    const milliseconds = Math.round(clock.monotonic() - began);
    const facts = summary(report);
    telemetry.log.info({ id: view.id, site, ...facts, ms: milliseconds }, 'attempt');
    span.setAttributes({ 'stafette.outcome': facts.kind, ...(facts.host === undefined ? {} : { 'server.address': facts.host }) });
    return { ...report, milliseconds };
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) });
    throw error;
  } finally {
    span.end();
  }
}

/** Counts outcomes as they are committed; those of one message mostly are of one kind. */
export function countOutcomes({ metrics, labels, clock }: Telemetry, site: string, view: MessageView, outcomes: readonly Outcome[]): void {
  const label = labels.label(site, outcomes.length);
  const seconds = Math.max(0, clock.now() - view.head.receivedAt) / 1000;
  for (const kind of new Set(outcomes.map((outcome) => outcome.kind))) {
    const same = outcomes.filter((outcome) => outcome.kind === kind);
    metrics.outcomes.inc({ role: ROLE, kind }, same.length);
    metrics.siteOutcomes.inc({ site: label, kind }, same.length);
    if (kind === 'delayed') metrics.inDoubt.inc(same.filter((outcome) => outcome.kind === 'delayed' && outcome.inDoubt).length);
    else metrics.endToEndSeconds.observe({ kind }, seconds);
  }
}

/** For `stafette trace`: where one transaction went and what it made of whom, recipients with the same fate together. */
export function attemptedEvent(
  view: MessageView,
  site: string,
  at: number,
  settlements: readonly Settlement[],
  closedUntil: number | null,
  { milliseconds, passedOver }: Pick<Report, 'milliseconds' | 'passedOver'> = {},
): TraceEvent {
  const { host, address, tls } = settlements[0]?.outcome ?? {};
  const same = settlements.length === 1 ? [settlements] : Map.groupBy(settlements, (settlement) => fateOf(settlement, closedUntil)).values();
  const results = [...same].map((group) => ({ ...resultOf(group[0] as Settlement, closedUntil), recipients: group.map(({ number }) => number) }));
  const detail: AttemptedDetail = {
    site,
    ...(host === undefined ? {} : { host }),
    ...(address === undefined ? {} : { address }),
    ...(tls === undefined ? {} : { tls }),
    ...(milliseconds === undefined ? {} : { ms: milliseconds }),
    ...(passedOver === undefined ? {} : { passedOver }),
    results,
  };
  return { id: view.id, at, kind: 'attempted', detail };
}

/** Recipients of one transaction mostly share the outcome itself; comparing texts is for the rest. */
function fateOf(settlement: Settlement, closedUntil: number | null): unknown {
  return settlement.outcome.kind === 'relayed' ? settlement.outcome : JSON.stringify(resultOf(settlement, closedUntil));
}

/** What is due before the circuit lets anything go waits for that. */
function resultOf({ outcome, next }: Settlement, closedUntil: number | null): Omit<AttemptedResult, 'recipients'> {
  const { kind, reply } = outcome;
  if (!('diagnostic' in outcome)) return reply ? { kind, reply: replyText(reply) } : { kind };
  const waits = next && closedUntil !== null && next.due < closedUntil;
  const due = waits ? { due: closedUntil, siteRefuses: true as const } : next && { due: next.due };
  return { kind, status: outcome.status, diagnostic: outcome.diagnostic, ...due };
}

/** The outcome that most deserves a line: recipients of one transaction mostly share it. */
function summary({ settled, passedOver, trouble }: Report) {
  const outcomes = settled.map(({ outcome }) => outcome);
  const first = outcomes.find(({ kind }) => kind !== 'relayed') ?? outcomes[0];
  const kind = [...new Set(outcomes.map((outcome) => outcome.kind))].join('+');
  const why = first && 'diagnostic' in first ? { status: first.status, diagnostic: first.diagnostic } : {};
  return {
    kind,
    host: first?.host,
    address: first?.address,
    tls: first?.tls?.version,
    verified: first?.tls?.verified,
    reply: first?.reply && replyText(first.reply),
    ...why,
    ...(passedOver && { passedOver }),
    ...(trouble !== undefined && { trouble }),
  };
}
