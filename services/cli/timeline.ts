// A message's life as lines: one for each thing that happened, and where it stands now. Pure.

import type { QueuedMessage, QueuedRecipient, TracedMessage } from '#shared/protocol/admin-api.ts';
import type { AttemptedDetail, AttemptedResult } from '#shared/protocol/attempted-detail.ts';
import { path, size, span, time } from './terminal.ts';

type Detail = Readonly<Record<string, unknown>>;

/** Addresses that one line lists. */
const LISTED = 5;

export function timeline(message: TracedMessage, now: number): readonly string[] {
  const { id, sender, messageId, parent, events, deadLetters } = message;
  const head = [
    `${id}  from ${path(sender)}`,
    ...(messageId === null ? [] : [`Message-ID <${messageId}>`]),
    ...(parent === null ? [] : [`DSN about ${parent}`]),
  ].join('  ');
  const names = namesOf(events);
  const lines = events.flatMap((event) => describe(event, names).map((text) => `  ${time(event.at)}  ${event.kind.padEnd(10)}  ${text}`));
  const dead = deadLetters.map(({ mailbox, error, at }) => `  ${time(at)}  dead       at ${mailbox}: ${error}`);
  return [head, ...lines, ...dead, ...standing(message.now, now)];
}

/** Where a queued message stands; for one that is done, that it is. */
export function standing(message: QueuedMessage | null, now: number): readonly string[] {
  if (message === null) return ['  now: done'];
  const open = message.recipients.filter(({ state }) => state !== 'done');
  const waiting = message.due === undefined ? '' : `, ${dueText(message.due, now)}`;
  return [`  now: ${message.state}${waiting}`, ...open.slice(0, 100).map((recipient) => `    ${recipientText(recipient, now)}`)];
}

function recipientText({ address, state, mailbox, attempts, due, circuitUntil, last }: QueuedRecipient, now: number): string {
  const where = state === 'owed' ? 'a DSN is owed' : `waits at ${mailbox}`;
  const when = due === undefined ? '' : `, ${dueText(due, now)}`;
  const circuit = circuitUntil !== undefined && circuitUntil > now ? `, its site is left alone for ${span(circuitUntil - now)}` : '';
  const why = last && 'diagnostic' in last ? `; last: ${last.status} ${last.diagnostic}` : '';
  return `${address}: ${where}${when}${circuit}, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} so far${why}`;
}

function dueText(due: number | null, now: number): string {
  if (due === null) return 'in hand';
  return due > now ? `next in ${span(due - now)}` : `due for ${span(now - due)}`;
}

/** Addresses by recipient number, as the router wrote them. */
function namesOf(events: TracedMessage['events']): ReadonlyMap<unknown, string> {
  const routed = events.filter(({ kind }) => kind === 'routed').flatMap(({ detail }) => rowsOf(detail['recipients']));
  return new Map(routed.map(({ number, address }) => [number, text(address)]));
}

function describe({ kind, detail }: TracedMessage['events'][number], names: ReadonlyMap<unknown, string>): readonly string[] {
  switch (kind) {
    case 'received':
      return [received(detail)];
    case 'routed':
      return routed(detail);
    case 'resolved':
      return [resolved(detail)];
    case 'attempted':
      return attempted(detail as unknown as Partial<AttemptedDetail>, names);
    case 'delivered':
    case 'relayed':
    case 'delayed':
    case 'failed':
      return [outcome(detail)];
    case 'dsn':
      return [
        detail['dropped'] ? 'nobody can be told of the failure' : `${words(detail['actions'])}: ${text(detail['to'])} is told, DSN ${text(detail['dsn'])}`,
      ];
    case 'dead-letter':
      return [`at ${text(detail['mailbox'])}: ${text(detail['error'])}${detail['dropped'] ? ' (dropped by the operator)' : ''}`];
    case 'replayed':
      return [`at ${text(detail['mailbox'])}, by the operator`];
    case 'held':
    case 'released':
    case 'deleted':
      return ['by the operator'];
    default:
      return [JSON.stringify(detail)];
  }
}

function received({ size: bytes, to, origin }: Detail): string {
  const from = (origin ?? {}) as Detail;
  const how = [from['helo'] && `HELO ${text(from['helo'])}`, from['tls'], from['user'] && `as ${text(from['user'])}`].filter(Boolean).join(', ');
  const client = from['kind'] === 'dsn' ? 'composed here' : `from ${text(from['client'])}${how && ` (${how})`}`;
  return `${size(Number(bytes))} ${client} to ${listed(to)}`;
}

/** Rule and place stand once where all have the same. */
function routed({ recipients, ...common }: Detail): readonly string[] {
  return rowsOf(recipients).map(
    ({ address, rule = common['rule'], to = common['to'], why }) =>
      `${text(address)} by rule ${text(rule)} to ${text(to)}${why === undefined ? '' : `: failed, ${text(why)}`}`,
  );
}

function resolved({ domain, to, hosts }: Detail): string {
  return `${text(domain)} is ${text(to)}${Array.isArray(hosts) ? `: ${listed(hosts)}` : ''}`;
}

/** A line for each host that was passed over, and for each fate. */
function attempted(detail: Partial<AttemptedDetail>, names: ReadonlyMap<unknown, string>): readonly string[] {
  const { site, host, address, tls, ms, passedOver = [], results = [] } = detail;
  const where = host === undefined ? `no host of ${text(site)}` : `${host}${address === undefined ? '' : ` [${address}]`}`;
  const secure = tls === undefined ? 'no TLS' : `${tls.version}${tls.verified ? ', verified' : ''}`;
  const how = [where, ...(host === undefined ? [] : [secure]), ...(ms === undefined ? [] : [span(ms)])].join(', ');
  return [...passedOver.map((said) => `passed over: ${said}`), ...results.map((result) => `${how}: ${fate(result, names)}`)];
}

function fate({ kind, reply, status, diagnostic, due, siteRefuses, recipients }: AttemptedResult, names: ReadonlyMap<unknown, string>): string {
  const whom = listed(recipients.map((number) => names.get(number) ?? `recipient ${number}`));
  const said = diagnostic === undefined ? reply && `"${reply}"` : `${text(status)} ${diagnostic}`.trim();
  const again = siteRefuses ? 'next attempt when its site is tried again, at' : 'next attempt';
  return `${kind} for ${whom}${said ? `: ${said}` : ''}${due === undefined ? '' : `; ${again} ${time(due)}`}`;
}

function outcome({ address, mailbox, uid, status, diagnostic, due }: Detail): string {
  const where = mailbox === undefined ? '' : ` in ${text(mailbox)}, UID ${text(uid)}`;
  const why = status === undefined ? '' : `: ${text(status)} ${text(diagnostic)}`;
  return `${text(address)}${where}${why}${typeof due === 'number' ? `; next attempt ${time(due)}` : ''}`;
}

function rowsOf(value: unknown): readonly Detail[] {
  return Array.isArray(value) ? (value as readonly Detail[]) : [];
}

function listed(values: unknown): string {
  const all = Array.isArray(values) ? values.map(text) : [];
  return all.length > LISTED ? `${all.slice(0, LISTED).join(', ')} and ${all.length - LISTED} more` : all.join(', ');
}

function words(values: unknown): string {
  return Array.isArray(values) ? values.map(text).join(', ') : '';
}

function text(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}
