// The messages of a load test: every one carries its number, the run's id and its source session in one fixed-width header
// field, so that a sink can tell lost, doubled and overtaken messages apart. Owns the layout of that field.
import { randomBytes } from 'node:crypto';

/** The field that identifies a message; its value is `<10 digits> <8 hex digits of the run> <4 digits of the session>`. */
export const NUMBER_FIELD = 'X-Load-Number: ';
/** Characters of the field's value. */
export const NUMBER_VALUE_LENGTH = 24;

/** What a sink reads back from the field. */
export interface LoadNumber {
  readonly number: number;
  readonly run: string;
  readonly session: number;
}

/** A message in two writes: a header of its own and a body that all messages share, each from another octet on. The body ends with the final dot. */
export interface LoadMessage {
  readonly header: string;
  readonly body: Buffer;
}

/** A new run id: 8 hex digits. */
export function newRunId(): string {
  return randomBytes(4).toString('hex');
}

/** A body begins at most so many octets late, and so never with a dot. */
const SHIFTS = 38;

/** Prepares messages of about `size` bytes (the final dot not counted) for one run; building one costs a short string. */
export function messageFactory(run: string, size: number): (number: number, session: number, recipient: string) => LoadMessage {
  const date = new Date().toUTCString().replace('GMT', '+0000');
  const header = (number: number, session: number, recipient: string) =>
    `${NUMBER_FIELD}${digits(number, 10)} ${run} ${digits(session, 4)}\r\nDate: ${date}\r\nFrom: <source@load.example>\r\nTo: <${recipient}>\r\n` +
    `Message-ID: <${number}.${run}@load.example>\r\nSubject: load test ${number}\r\n\r\n`;
  const body = filler(Math.max(0, size - header(0, 0, 'r0@load.example').length));
  return (number, session, recipient) => ({ header: header(number, session, recipient), body: body.subarray(number % SHIFTS) });
}

/** Reads the field's value from `bytes` at `offset`; the caller has checked that NUMBER_VALUE_LENGTH bytes are there. */
export function readLoadNumber(bytes: Buffer, offset: number): LoadNumber {
  const value = bytes.toString('latin1', offset, offset + NUMBER_VALUE_LENGTH);
  return { number: Number(value.slice(0, 10)), run: value.slice(11, 19), session: Number(value.slice(20, 24)) };
}

/** The forward-path of recipient `index` of a message; a sink reads the index back. */
export function recipientAddress(index: number, domain: string): string {
  return `r${index}@${domain}`;
}

/** `length` bytes of text in lines of 78, none of which starts with a dot, and the final dot (RFC 5321 section 4.1.1.4). */
function filler(length: number): Buffer {
  const line = `${'abcdefghijklmnopqrstuvwxyz 0123456789 '.repeat(2)}\r\n`;
  const text = line.repeat(Math.ceil(length / line.length)).slice(0, Math.max(0, length - 2));
  const clean = text.endsWith('\r') ? `${text.slice(0, -1)}x` : text;
  return Buffer.from(`${clean}\r\n.\r\n`, 'latin1');
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
