// The ENVELOPE of a message, nested ones too, out of its header fields. Pure; only the first field of a name counts.
import { parseAddressList } from './address-list.ts';
import type { Budget } from './budget.ts';
import { type BlockField, fieldText } from './header-block.ts';
import type { Envelope, EnvelopeAddress } from './parsed-message.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type TextKey = 'date' | 'subject' | 'inReplyTo' | 'messageId';
type ListKey = 'from' | 'sender' | 'replyTo' | 'to' | 'cc' | 'bcc';

const TEXTS: ReadonlyMap<string, TextKey> = new Map([
  ['date', 'date'],
  ['subject', 'subject'],
  ['in-reply-to', 'inReplyTo'],
  ['message-id', 'messageId'],
]);
/** Their lists join when a message has several of one name (RFC 5322 section 3.6 forbids it, older senders do it). */
const LISTS: ReadonlyMap<string, ListKey> = new Map([
  ['from', 'from'],
  ['sender', 'sender'],
  ['reply-to', 'replyTo'],
  ['to', 'to'],
  ['cc', 'cc'],
  ['bcc', 'bcc'],
]);

/** RFC 9051 section 7.5.2. */
export function readEnvelope(fields: readonly BlockField[], budget: Budget): Envelope {
  const envelope: Mutable<Envelope> = {};
  for (const field of fields) {
    const text = TEXTS.get(field.name);
    if (text && envelope[text] === undefined && !budget.spent) envelope[text] = budget.keep(fieldText(field));
    const list = LISTS.get(field.name);
    if (!list || budget.spent) continue;
    const addresses = readAddresses(fieldText(field), budget, envelope[list]?.length ?? 0);
    if (addresses.length > 0) envelope[list] = [...(envelope[list] ?? []), ...addresses];
  }
  return envelope;
}

function readAddresses(text: string, budget: Budget, taken: number): EnvelopeAddress[] {
  const { addresses, cut } = parseAddressList(text, Math.max(0, budget.limits.addresses - taken));
  if (cut) budget.cut = true;
  const kept: EnvelopeAddress[] = [];
  for (const [name, mailbox, host, route] of addresses) {
    if (budget.spent) break;
    const keep = (value: string | null): string | null => (value === null ? null : budget.keep(value));
    kept.push(route === undefined ? [keep(name), keep(mailbox), keep(host)] : [keep(name), keep(mailbox), keep(host), budget.keep(route)]);
  }
  return kept;
}
