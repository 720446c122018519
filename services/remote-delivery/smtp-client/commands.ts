// The one serialiser of SMTP commands. Whatever an envelope holds, a command is one line: a text that could make another
// line, or another argument, is an UnserialisableError here, whoever let it through before.
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import { encodeUtf8AddrXtext, encodeXtext } from '#shared/mail/xtext.ts';
import type { Capabilities } from './ehlo.ts';
import type { TransactionRequest } from './request.ts';

const CONTROL = /[\x00-\x1F\x7F-\x9F\u2028\u2029\uD800-\uDFFF]/u;
/** Outside quotes neither space nor angle bracket; inside quotes a backslash takes the next character with it (RFC 5321 section 4.1.2). */
const PATH = /^(?:[^\s<>"\\]|"(?:[^"\\]|\\.)*")*$/u;
const ASCII = /^[\x00-\x7F]*$/;

export class UnserialisableError extends Error {
  override readonly name = 'UnserialisableError';
}

/** `text` and CR LF, after making sure that it is one line. */
export function line(text: string): string {
  if (CONTROL.test(text)) throw new UnserialisableError('a command that would not be one line');
  return `${text}\r\n`;
}

/** MAIL with the parameters that the next hop understands: RFC 1870, RFC 6152, RFC 6531 section 3.4, RFC 3461 section 4. */
export function mailCommand(request: TransactionRequest, offered: Capabilities, eightBit: boolean): string {
  let text = `MAIL FROM:${path(request.reversePath)}`;
  if (offered.size !== undefined) text += ` SIZE=${request.size}`;
  if (eightBit && offered.eightBitMime) text += ' BODY=8BITMIME';
  if (request.smtputf8 && offered.smtpUtf8) text += ' SMTPUTF8';
  if (offered.dsn && request.ret) text += ` RET=${request.ret.toUpperCase()}`;
  if (offered.dsn && request.envid !== undefined) text += ` ENVID=${encodeXtext(request.envid)}`;
  return line(text);
}

/** RCPT with NOTIFY and ORCPT when the next hop offers DSN (RFC 3461 sections 4.1 and 4.2). */
export function rcptCommand(recipient: EnvelopeRecipient, offered: Capabilities): string {
  let text = `RCPT TO:${path(recipient.address)}`;
  if (offered.dsn && recipient.notify?.length) text += ` NOTIFY=${recipient.notify.join(',').toUpperCase()}`;
  if (offered.dsn && recipient.orcpt !== undefined) text += originalRecipient(recipient.orcpt);
  return line(text);
}

/** True when the address stays one path within angle brackets. */
export function isPath(address: string): boolean {
  return PATH.test(address) && !CONTROL.test(address);
}

function path(address: string): string {
  if (!isPath(address)) throw new UnserialisableError('an address that would not be one path');
  return `<${address}>`;
}

/** ` ORCPT=addr-type;xtext`, or nothing for what cannot be written: an original recipient only informs (RFC 6533 section 3). */
function originalRecipient(orcpt: string): string {
  const [, type = '', address = ''] = /^([A-Za-z0-9-]+);(.+)$/s.exec(orcpt) ?? [];
  if (type.toLowerCase() === 'utf-8') return ` ORCPT=${type};${encodeUtf8AddrXtext(address)}`;
  return type !== '' && ASCII.test(address) ? ` ORCPT=${type};${encodeXtext(address)}` : '';
}
