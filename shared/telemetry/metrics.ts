// Every metric, declared once. Labels are bounded: roles, codes by class and kind, and the busiest sites through SiteLabels.
import { type Aggregator, Counter, Gauge, Histogram, Registry } from 'prom-client';

const LATENCY = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 14_400, 86_400];

/** All metrics of one process on one registry. */
export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name: `stafette_${name}`, help, labelNames, registers });
  /** `max`: every process measures the same thing of the whole cluster, so several on one health port must not add it up. */
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = [], aggregator: Aggregator = 'sum') =>
    new Gauge({ name: `stafette_${name}`, help, labelNames, registers, aggregator });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[] = [], buckets: number[] = LATENCY) =>
    new Histogram({ name: `stafette_${name}`, help, labelNames, buckets, registers });
  return {
    registry,
    queueDue: gauge('queue_due', 'Entries due or handed out', ['role'], 'max'),
    queueDelayed: gauge('queue_delayed', 'Entries waiting for their time', ['role'], 'max'),
    queueInFlight: gauge('queue_in_flight', 'Entries in receive in this process', ['role']),
    queueOldestDue: gauge('queue_oldest_due_seconds', 'Age of the oldest due entry', ['role'], 'max'),
    processed: counter('processed_total', 'Entries handled', ['role']),
    retried: counter('retried_total', 'Entries whose actor threw', ['role']),
    putBack: counter('put_back_total', 'Entries put back because their record is too new for the process', ['role']),
    deadLetters: gauge('dead_letters', 'Entries given up by an actor, kept for the operator', [], 'max'),
    activations: gauge('activations', 'Keyed actors active in this process', ['role']),
    leaseLost: counter('lease_lost_total', 'Activations that lost their lease', ['role']),
    fenced: counter('fenced_commits_total', 'Commits refused because a newer activation exists', ['role']),
    possiblySent: counter('possibly_sent_total', 'Entries handed out by an activation that died without an outcome', ['role']),
    inDoubt: counter('in_doubt_total', 'Connections cut between the final dot and its reply'),
    lateOutcomes: counter('late_outcomes_total', 'Outcomes for a recipient that already had a final one'),
    sweptTotal: counter('swept_total', 'Lost wake-ups found by the sweep', ['role']),
    commitSize: histogram('commit_operations', 'Operations in one group commit', [], [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
    commitSeconds: histogram('commit_seconds', 'Latency of one group commit'),
    ingressConnections: gauge('ingress_connections', 'Open SMTP connections', ['listener']),
    ingressConnectionsTotal: counter('ingress_connections_total', 'SMTP connections', ['listener']),
    ingressReplies: counter('ingress_replies_total', 'Replies by code', ['code']),
    ingressMessages: counter('ingress_messages_total', 'Messages accepted', ['listener']),
    ingressBytes: counter('ingress_bytes_total', 'Content bytes accepted'),
    accessConnections: gauge('access_connections', 'Open IMAP and POP3 connections', ['listener']),
    accessConnectionsTotal: counter('access_connections_total', 'IMAP and POP3 connections', ['listener']),
    logins: counter('logins_total', 'IMAP and POP3 logins', ['role', 'result']),
    imapCommands: counter('imap_commands_total', 'IMAP commands', ['command', 'result']),
    imapCommandSeconds: histogram('imap_command_seconds', 'Time from a received IMAP command to its tagged response', ['command']),
    imapIdle: gauge('imap_idle', 'IMAP sessions in IDLE'),
    pop3Commands: counter('pop3_commands_total', 'POP3 commands; result is ok or err', ['command', 'result']),
    pop3Messages: counter('pop3_messages_total', 'Messages that POP3 clients retrieved whole and deleted', ['action']),
    attempts: counter('delivery_attempts_total', 'Delivery transactions', ['role']),
    outcomes: counter('outcomes_total', 'Recipient outcomes', ['role', 'kind']),
    siteOutcomes: counter('site_outcomes_total', 'Recipient outcomes of the busiest sites', ['site', 'kind']),
    dsns: counter('dsns_total', 'DSNs composed', ['action']),
    resolutions: counter('resolutions_total', 'DNS resolutions', ['result']),
    stageSeconds: histogram('stage_seconds', 'Time of an entry in one stage: from its wake-up (pools), or from being taken (keyed actors), to done', ['role']),
    endToEndSeconds: histogram('end_to_end_seconds', 'Time from receipt to a final outcome; recipients of one message that end together count once', ['kind']),
    spoolHotBytes: gauge('spool_hot_bytes', 'Content bytes in Redis', [], 'max'),
    spoolColdBytes: gauge('spool_cold_bytes', 'Content bytes in the cold tier', [], 'max'),
    spoolMessages: gauge('spool_messages', 'Messages queued', [], 'max'),
    redisUsedMemory: gauge('redis_used_memory_bytes', 'Memory used by Redis', [], 'max'),
    redisMaxMemory: gauge('redis_max_memory_bytes', 'maxmemory of Redis', [], 'max'),
    contentMissing: counter('content_missing_total', 'Content found in neither tier: an alarm'),
    traceEvents: counter('trace_events_total', 'Trace events written to SQL'),
    traceBacklog: gauge('trace_backlog_entries', 'Entries of the trace streams that were left after the last round', [], 'max'),
    eventLoopLag: histogram('event_loop_lag_seconds', 'Delay of the event loop', [], [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]),
  };
}
