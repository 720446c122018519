// The part that programs read: message/delivery-status (RFC 3464 section 2), or message/global-delivery-status (RFC 6533
// section 4) when an address in it is beyond US-ASCII. Every line passes the one header serialiser.
import { asciiAddress, isAscii, parseAddress } from '#shared/mail/address.ts';
import { formatDate } from '#shared/mail/date.ts';
import { cleanText, formatField } from '#shared/mail/header.ts';
import { encodeUtf8AddrXtext } from '#shared/mail/xtext.ts';
import type { Outcome } from '#shared/smtp/outcome.ts';
import type { Report, ReportedRecipient } from './report.ts';

/** Characters of a diagnostic: a remote reply may have hundreds of lines. */
const MAX_DIAGNOSTIC = 2000;

/** The content of the part. `utf8` comes from needsGlobal. */
export function formatDeliveryStatus(report: Report, utf8: boolean): string {
  return [messageFields(report), ...report.recipients.map((each) => recipientFields(each, utf8))].join('\r\n');
}

/** RFC 6533 section 4: whether an address of the part cannot be written in US-ASCII. */
export function needsGlobal(report: Report): boolean {
  return report.recipients.some(({ recipient }) => !isAscii(recipient.orcpt ?? '') || finalRecipient(recipient.address).startsWith('utf-8;'));
}

/** RFC 3464 section 2.2. */
function messageFields(report: Report): string {
  const { envid } = report.head.envelope;
  return [
    envid === undefined ? '' : formatField('Original-Envelope-Id', envid),
    formatField('Reporting-MTA', `dns; ${report.hostname}`),
    formatField('X-Stafette-Queue-Id', report.parent),
    formatField('Arrival-Date', formatDate(report.receivedAt)),
  ].join('');
}

/** RFC 3464 section 2.3. */
function recipientFields({ recipient, outcome, action, retryUntil }: ReportedRecipient, utf8: boolean): string {
  const field = (name: string, value: string | undefined) => (value === undefined ? '' : formatField(name, value, { utf8 }));
  return [
    field('Original-Recipient', originalRecipient(recipient.orcpt, utf8)),
    field('Final-Recipient', finalRecipient(recipient.address)),
    field('Action', action),
    field('Status', statusOf(outcome)),
    field('Remote-MTA', outcome.host === undefined || outcome.kind === 'delivered' ? undefined : `dns; ${outcome.host}`),
    field('Diagnostic-Code', diagnosticCode(outcome)),
    field('Last-Attempt-Date', recipient.lastAttemptAt === undefined ? undefined : formatDate(recipient.lastAttemptAt)),
    field('Will-Retry-Until', retryUntil === undefined ? undefined : formatDate(retryUntil)),
  ].join('');
}

/** RFC 3464 section 2.3.1: what the sender gave as ORCPT, and nothing when there was none. */
function originalRecipient(orcpt: string | undefined, utf8: boolean): string | undefined {
  const [, type, address = ''] = /^([^;]+);(.*)$/s.exec(orcpt ?? '') ?? [];
  if (type === undefined) return undefined;
  // RFC 6533 section 3: in message/delivery-status the type utf-8 is written in utf-8-addr-xtext.
  return `${type}; ${type.toLowerCase() === 'utf-8' && !utf8 ? encodeUtf8AddrXtext(address) : address}`;
}

/** RFC 3464 section 2.3.2; a domain of U-labels alone is written in A-labels. */
function finalRecipient(address: string): string {
  const result = parseAddress(address);
  const ascii = result.ok ? asciiAddress(result.value) : null;
  if (ascii !== null) return `rfc822; ${ascii}`;
  return isAscii(address) ? `rfc822; ${address}` : `utf-8; ${address}`;
}

/** RFC 3463 section 2: the class says what became of it, whatever a remote server wrote. */
export function statusOf(outcome: Outcome): string {
  const given = outcome.kind === 'failed' || outcome.kind === 'delayed' ? outcome.status : (outcome.reply?.enhanced ?? '');
  const success = outcome.kind === 'delivered' || outcome.kind === 'relayed';
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(given) && given.startsWith('2.') === success) return given;
  return success ? '2.0.0' : outcome.kind === 'failed' ? '5.0.0' : '4.0.0';
}

/** RFC 3464 section 2.3.6: the reply as it came, or what we saw ourselves. */
function diagnosticCode(outcome: Outcome): string | undefined {
  const reply = replyText(outcome);
  if (reply !== null) return `smtp; ${reply}`;
  return outcome.kind === 'failed' || outcome.kind === 'delayed' ? `X-Stafette; ${limit(outcome.diagnostic)}` : undefined;
}

/** `550 5.1.1 No such user`, in one line, or null when no server replied. */
export function replyText({ reply }: Outcome): string | null {
  if (!reply) return null;
  return limit([reply.code, reply.enhanced ?? '', ...reply.lines].filter((part) => part !== '').join(' '));
}

function limit(text: string): string {
  const clean = cleanText(text, true);
  return clean.length > MAX_DIAGNOSTIC ? `${clean.slice(0, MAX_DIAGNOSTIC)} [...]`.toWellFormed() : clean;
}
