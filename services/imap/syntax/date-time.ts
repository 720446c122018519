// Dates of IMAP: `" 5-Nov-2026 10:00:00 +0100"` for INTERNALDATE, `5-Nov-2026` for SEARCH (RFC 9051 section 9). Pure.
import type { ArgumentReader } from './argument-reader.ts';
import { BadSyntax } from './bad-syntax.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DATE_TIME = /^([ \d]\d)-([A-Za-z]{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;
const DATE = /^(\d{1,2})-([A-Za-z]{3})-(\d{4})$/;
const DAY = 86_400_000;

/** date-time: milliseconds since the epoch. Throws BadSyntax. */
export function readDateTime(args: ArgumentReader): number {
  const [, day, month, year, hours, minutes, seconds, sign, zoneHours, zoneMinutes] = DATE_TIME.exec(args.string()) ?? [];
  const zone = Number(zoneHours) * 60 + Number(zoneMinutes);
  // 23:59:60 is a leap second.
  const ok = Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) <= 60 && Number(zoneMinutes) < 60 && zone < 24 * 60;
  if (!ok) throw new BadSyntax('Expected a date such as "05-Nov-2026 10:00:00 +0000"');
  const local = days(day, month, year) * DAY + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000;
  return local - (sign === '-' ? -zone : zone) * 60_000;
}

/** date: days since 1970-01-01. Throws BadSyntax. */
export function readDate(args: ArgumentReader): number {
  const [, day, month, year] = DATE.exec(args.astring()) ?? [];
  return days(day, month, year);
}

/** `05-Nov-2026 10:00:00 +0000`, without quotes: always UTC. */
export function formatDateTime(milliseconds: number): string {
  const date = new Date(milliseconds);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${two(date.getUTCDate())}-${MONTHS[date.getUTCMonth()]}-${String(date.getUTCFullYear()).padStart(4, '0')}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

function days(day = '', month = '', year = ''): number {
  const number = MONTHS.findIndex((name) => name.toLowerCase() === month.toLowerCase());
  const date = new Date(0);
  date.setUTCFullYear(Number(year), number, Number(day));
  // A day that the month does not have moves on to the next month.
  if (number < 0 || date.getUTCMonth() !== number || date.getUTCDate() !== Number(day)) throw new BadSyntax('Expected a date such as 5-Nov-2026');
  return date.getTime() / DAY;
}
