// Composes one DSN: a multipart/report (RFC 6522) of an explanation, a delivery status (RFC 3464) and what is quoted of the
// original. nodemailer writes the MIME, but for the content of the last two parts, which goes out byte by byte as it is.
// Owns nothing; its boundary is random, all else follows from the report.
import { isAscii as isSevenBit } from 'node:buffer';
import MimeNode, { type MimeNodeHeader } from 'nodemailer/lib/mime-node';
import { isAscii } from '#shared/mail/address.ts';
import type { Envelope } from '#shared/mail/envelope.ts';
import { endOfHeader } from '#shared/mail/header.ts';
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
export async function composeDsn(report: Report): Promise<Dsn> {
  const parts = [statusPart(report), ...(report.quote ? [quotePart(report.quote, report)] : [])];
  const sevenBit = parts.every(({ content }) => isSevenBit(content));
  const root = new MimeNode('multipart/report; report-type=delivery-status');
  root.setHeader([...header(report), { key: 'Content-Transfer-Encoding', value: sevenBit ? '7bit' : '8bit' }]);
  // The charset is nodemailer's to change, and so is the encoding: quoted-printable or base64 where 7bit will not do.
  root.createChild('text/plain; charset=us-ascii').setHeader('Content-Description', 'Notification').setContent(explain(report));
  for (const part of parts) appendAsItIs(root, part);
  return { message: incoming(report, sevenBit ? '7bit' : '8bitmime'), content: await root.build() };
}

/** A raw node, since nodemailer would encode the header of a message alone; a whole one nobody may (RFC 2046 section 5.2.1). */
function appendAsItIs(root: MimeNode, { type, description, content }: Part): void {
  const node = root.createChild(type).setHeader([
    { key: 'Content-Description', value: description },
    { key: 'Content-Transfer-Encoding', value: isSevenBit(content) ? '7bit' : '8bit' },
  ]);
  node.setRaw(Buffer.concat([Buffer.from(`${node.buildHeaders()}\r\n\r\n`), content]));
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

function header(report: Report): readonly MimeNodeHeader[] {
  const { messageId: original = '' } = report.head;
  const postmaster = `postmaster@${report.hostname}`;
  return [
    // RFC 3464 section 2: From names who keeps this system.
    { key: 'From', value: { name: 'Mail Delivery System', address: postmaster } },
    { key: 'To', value: report.to === 'postmaster' ? { name: 'Postmaster', address: postmaster } : { name: '', address: report.to } },
    { key: 'Subject', value: subjectOf(report) },
    { key: 'Date', value: new Date(report.now) },
    { key: 'Message-ID', value: messageId(report) },
    // RFC 5322 section 3.6.4; an id that is none would not make a thread.
    ...(/^<[!-;=?-~]{1,900}>$/.test(original) ? ['In-Reply-To', 'References'].map((key) => ({ key, value: original })) : []),
    // RFC 3834 section 5: no responder answers this.
    { key: 'Auto-Submitted', value: 'auto-replied' },
    { key: 'MIME-Version', value: '1.0' },
  ];
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
