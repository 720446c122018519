// What a message is found by: keys made of its events, the same when it is written, looked up and deleted. Pure.
// `a:` sender, recipient or what it expanded to · `m:` Message-ID · `p:` of a DSN, the message that it reports.
import { isQueueId, type QueueId } from '../queue-id.ts';
import type { TraceEvent } from '../spool.ts';

/** What a message's `received` event tells of it. */
export interface Received {
  readonly sender: string;
  readonly messageId: string | null;
  readonly parent: QueueId | null;
}

/** What an index of PostgreSQL takes whatever the text (some 2,700 bytes). */
const LONGEST_KEY = 512;

/** Key of an address, whatever its case. */
export function addressKey(address: string): string {
  return `a:${sender(address)}`;
}

/** Key of a Message-ID, with or without its angle brackets. */
export function messageIdKey(messageId: string): string {
  return `m:${bare(messageId)}`;
}

/** Key of the DSNs about a message. */
export function parentKey(id: string): string {
  return `p:${id}`;
}

/** Values as the spool mostly writes them: nothing escaped, nothing nested but what is named here, and no DSN. */
const PLAIN_RECEIVED =
  /^\[\{"id":"[^"\\]*","at":\d+,"kind":"received","detail":\{"from":"([^"\\]*)","to":\[((?:"[^"\\]*",?)*)\],"size":\d+,"origin":\{(?!"kind":"dsn")[^{}\\]*\}(?:,"messageId":"([^"\\]*)")?\}\}\]$/;
const PLAIN_ROUTED =
  /^\[\{"id":"[^"\\]*","at":\d+,"kind":"routed","detail":\{(?:"rule":"[^"\\]*","to":"[^"\\]*",)?"recipients":\[((?:\{[^{}\\]*\},?)*)\]\}\}\]$/;

/** The same as `keysOf` gives for the events of this JSON, for a third of what parsing costs; null when it has to be parsed. */
export function keysOfPlain(json: string): readonly string[] | null {
  const [received, from, to = '', messageId] = PLAIN_RECEIVED.exec(json) ?? [];
  if (received !== undefined) {
    const keys = [from, ...to.slice(1, -1).split('","')].flatMap(addressKeys);
    return messageId === undefined ? keys : [...keys, messageIdKey(messageId)];
  }
  const [routed, recipients = ''] = PLAIN_ROUTED.exec(json) ?? [];
  return routed === undefined ? null : Array.from(recipients.matchAll(/"address":"([^"]*)"/g), ([, address]) => address).flatMap(addressKeys);
}

/** The keys of an event; one may be there twice. */
export function keysOf(event: TraceEvent): readonly string[] {
  if (event.kind === 'routed') return listOf(event.detail['recipients']).flatMap((each) => addressKeys((each as { address?: unknown } | null)?.address));
  if (event.kind !== 'received') return [];
  const keys = [...addressKeys(event.detail['from']), ...listOf(event.detail['to']).flatMap(addressKeys)];
  const { messageId, parent } = receivedOf(event);
  if (messageId !== null) keys.push(messageIdKey(messageId));
  if (parent !== null) keys.push(parentKey(parent));
  return keys;
}

export function receivedOf({ detail }: TraceEvent): Received {
  const { from, messageId, origin } = detail as { from?: unknown; messageId?: unknown; origin?: { kind?: unknown; parent?: unknown } | null };
  const parent = origin?.kind === 'dsn' && typeof origin.parent === 'string' && isQueueId(origin.parent) ? origin.parent : null;
  return { sender: typeof from === 'string' ? sender(from) : '', messageId: typeof messageId === 'string' ? bare(messageId) : null, parent };
}

/** The shard comes before the time in an id; at its end, ids sort by time. */
export function byTime(id: string): string {
  return id.slice(1) + id.slice(0, 1);
}

/** The reverse. */
export function fromByTime(text: string): string {
  return text.slice(-1) + text.slice(0, -1);
}

/** Ids that stand one after another. */
export function inParts(text: string): readonly string[] {
  return text.match(/.{25}/g) ?? [];
}

function addressKeys(address: unknown): readonly string[] {
  return typeof address === 'string' && address !== '' ? [addressKey(address)] : [];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function sender(address: string): string {
  return storable(address.toLowerCase());
}

function bare(messageId: string): string {
  const trimmed = messageId.trim();
  return storable(trimmed.startsWith('<') && trimmed.endsWith('>') ? trimmed.slice(1, -1) : trimmed);
}

const PLAIN_ASCII = /^[\x20-\x7E]*$/;

/** PostgreSQL takes neither NUL nor half a surrogate pair. */
function storable(text: string): string {
  const short = text.length > LONGEST_KEY ? text.slice(0, LONGEST_KEY) : text;
  return PLAIN_ASCII.test(short) ? short : short.toWellFormed().replaceAll('\0', '\uFFFD');
}
