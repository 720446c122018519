// The header fields that final delivery puts above a message, for one recipient alone. Pure; nothing in an address can make
// a further line, since shared/mail/header.ts serialises.
import { formatField } from '#shared/mail/header.ts';

/**
 * Return-Path with the envelope's reverse-path (RFC 5321 section 4.4: final delivery inserts it), and Delivered-To with the
 * address that the message was delivered to, by which a loop is known. CRLF-terminated.
 */
export function ownHeader(reversePath: string, address: string): string {
  return formatField('Return-Path', `<${reversePath}>`, { utf8: true }) + formatField('Delivered-To', address, { utf8: true });
}
