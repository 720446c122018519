// The header fields that we put before a message: Received (RFC 5321 section 4.4), and for submission Date and Message-ID when the
// client left them out (RFC 6409 section 8).
import { formatDate } from '#shared/mail/date.ts';
import { cleanText, formatField, type HeaderFacts } from '#shared/mail/header.ts';
import type { TlsFacts } from '#shared/session/tls.ts';
import type { QueueId } from '#shared/spool/queue-id.ts';
import type { Helo } from './conversation.ts';

export interface TraceFacts {
  readonly id: QueueId;
  readonly hostname: string;
  readonly helo: Helo;
  readonly client: string;
  readonly tls: TlsFacts | null;
  readonly authenticated: boolean;
  readonly smtputf8: boolean;
  readonly recipients: readonly string[];
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** The Received field, CR LF included. */
export function receivedField(facts: TraceFacts): string {
  const { id, hostname, helo, client, tls, smtputf8, recipients } = facts;
  const [recipient = '', ...others] = recipients;
  // With several recipients `for` would tell each of the others (RFC 5321 section 7.2).
  const clause = others.length === 0 && recipient !== '' ? ` for <${recipient}>` : '';
  const lines = [
    `from ${safeName(helo.name)} (${addressLiteral(client)})`,
    `by ${safeName(hostname)} with ${protocolName(facts)}${tls ? ` (${tls.version} ${tls.cipher})` : ''}`,
    `id ${id}${clause};`,
    formatDate(facts.receivedAt),
  ];
  // Each clause is bounded far under 998 octets, so it is a line of its own and nothing has to be measured: this runs for each message.
  return `Received: ${lines.map((line) => cleanText(line, smtputf8)).join('\r\n\t')}\r\n`;
}

/** Date and Message-ID, where a message submitted has none. */
export function submissionFields(header: HeaderFacts, facts: TraceFacts): string {
  const date = header.hasDate ? '' : formatField('Date', formatDate(facts.receivedAt));
  return header.messageId === undefined ? `${date}${formatField('Message-ID', newMessageId(facts))}` : date;
}

/** `<queue id@our name>`: unique, for the queue id is. RFC 5322 section 3.6.4. */
export function newMessageId(facts: Pick<TraceFacts, 'id' | 'hostname'>): string {
  return `<${facts.id}@${facts.hostname}>`;
}

/** The name for `with`: RFC 3848 section 3, and RFC 6531 section 4.3 when SMTPUTF8 is in use. */
function protocolName({ helo, tls, authenticated, smtputf8 }: TraceFacts): string {
  const base = smtputf8 ? 'UTF8SMTP' : helo.extended ? 'ESMTP' : 'SMTP';
  return base === 'SMTP' ? base : `${base}${tls ? 'S' : ''}${authenticated ? 'A' : ''}`;
}

/** RFC 5321 section 4.1.3. */
function addressLiteral(address: string): string {
  return address.includes(':') ? `[IPv6:${address}]` : `[${address}]`;
}

/** A HELO name may be anything; in a header field it must be neither comment nor quoting. */
function safeName(name: string): string {
  return name.replace(/[^A-Za-z0-9._:[\]-]/g, '?');
}
