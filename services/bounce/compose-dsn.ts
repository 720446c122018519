// Composes one DSN: a multipart/report (RFC 6522) of an explanation, a delivery status (RFC 3464) and what is quoted of the
// original. Pure. The MIME is three parts of fixed form, so it is written here: nodemailer would transcode the quoted message.
import { isAscii as isSevenBit } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { isAscii } from '#shared/mail/address.ts';
import { formatDate } from '#shared/mail/date.ts';
import type { Envelope } from '#shared/mail/envelope.ts';
import { endOfHeader, formatField } from '#shared/mail/header.ts';
import type { Incoming } from '#shared/spool/spool.ts';
import { formatDeliveryStatus, needsGlobal } from './delivery-status.ts';
import { explain, subjectOf } from './explanation.ts';
import type { Quote, Report } from './report.ts';

/** A DSN ready to be committed. */
export interface Dsn {
  readonly message: Incoming;
  readonly content: Buffer;
}

interface Part {
  readonly type: string;
  readonly description: string;
  readonly content: Buffer;
}

/** The DSN for a report: a message with the null reverse-path (RFC 3464 section 2), so it can cause no other. */
export function composeDsn(report: Report): Dsn {
  const utf8 = needsGlobal(report) || !isAscii(report.to);
  const parts = [explanationPart(report, utf8), statusPart(report), ...(report.quote ? [quotePart(report.quote, report)] : [])];
  const boundary = `report-${randomBytes(18).toString('hex')}`;
  const body = parts.map((part) => Buffer.concat([Buffer.from(partHeader(part, boundary)), part.content, Buffer.from('\r\n')]));
  const encoding = parts.every(({ content }) => isSevenBit(content)) ? '7bit' : '8bit';
  const content = Buffer.concat([Buffer.from(header(report, boundary, encoding)), ...body, Buffer.from(`--${boundary}--\r\n`)]);
  return { message: incoming(report, encoding === '7bit' ? '7bit' : '8bitmime'), content };
}

function incoming(report: Report, body: Envelope['body']): Incoming {
  const { traceparent } = report.head;
  return {
    id: report.id,
    envelope: { reversePath: '', recipients: [{ address: report.to }], body, smtputf8: !isAscii(report.to) },
    origin: { kind: 'dsn', parent: report.parent },
    messageId: messageId(report),
    ...(traceparent === undefined ? {} : { traceparent }),
    hops: 0,
    receivedAt: report.now,
    reserve: true,
  };
}

function messageId(report: Report): string {
  return `<${report.id}@${report.hostname}>`;
}

function header(report: Report, boundary: string, encoding: string): string {
  const original = report.head.messageId;
  // RFC 5322 section 3.6.4; an id that is none would not make a thread.
  const thread =
    original !== undefined && /^<[!-;=?-~]{1,900}>$/.test(original) ? formatField('In-Reply-To', original) + formatField('References', original) : '';
  return [
    // RFC 3464 section 2: From names who keeps this system.
    formatField('From', `Mail Delivery System <postmaster@${report.hostname}>`),
    formatField('To', report.to === 'postmaster' ? `Postmaster <postmaster@${report.hostname}>` : `<${report.to}>`, { utf8: true }),
    formatField('Subject', subjectOf(report)),
    formatField('Date', formatDate(report.now)),
    formatField('Message-ID', messageId(report)),
    thread,
    // RFC 3834 section 5: no responder answers this.
    formatField('Auto-Submitted', 'auto-replied'),
    formatField('MIME-Version', '1.0'),
    formatField('Content-Type', ['multipart/report; report-type=delivery-status;', `boundary="${boundary}"`]),
    formatField('Content-Transfer-Encoding', encoding),
    '\r\nThis is a delivery status notification in MIME format (RFC 3464).\r\n\r\n',
  ].join('');
}

function partHeader({ type, description, content }: Part, boundary: string): string {
  const encoding = isSevenBit(content) ? '7bit' : '8bit';
  const fields = [formatField('Content-Type', type), formatField('Content-Description', description), formatField('Content-Transfer-Encoding', encoding)];
  return `--${boundary}\r\n${fields.join('')}\r\n`;
}

function explanationPart(report: Report, utf8: boolean): Part {
  const content = Buffer.from(explain(report, utf8));
  return { type: `text/plain; charset=${isSevenBit(content) ? 'us-ascii' : 'utf-8'}`, description: 'Notification', content };
}

function statusPart(report: Report): Part {
  const utf8 = needsGlobal(report);
  const type = utf8 ? 'message/global-delivery-status' : 'message/delivery-status';
  return { type, description: 'Delivery report', content: Buffer.from(formatDeliveryStatus(report, utf8)) };
}

/** RFC 6522 section 3, and RFC 6533 section 4 for a message whose header is UTF-8. */
function quotePart({ content, whole }: Quote, report: Report): Part {
  const end = endOfHeader(content);
  const utf8 = report.head.envelope.smtputf8 && !isSevenBit(content.subarray(0, end < 0 ? content.length : end));
  const description = whole ? 'Undelivered message' : 'Header of the message';
  if (whole) return { type: utf8 ? 'message/global' : 'message/rfc822', description, content };
  return { type: utf8 ? 'message/global-headers' : 'text/rfc822-headers', description, content };
}
