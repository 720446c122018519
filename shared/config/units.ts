// Units of the configuration: sizes, durations, hosts and database URLs, each with an error that says what was expected.
import { isIP } from 'node:net';
import { z } from 'zod';
import { isAscii, parseDomain } from '#shared/mail/address.ts';

const SIZES: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Bytes: a number, or a number with B, KB, MB, GB or TB (powers of 1024); `least` where 0 means nothing. */
export function bytes(fallback: string, least: '0' | '1B' = '0') {
  return quantity(SIZES, 'a size such as 512KB or 50MB', { least, most: '1000TB' }).prefault(fallback);
}

/** Milliseconds: a number, or a number with ms, s, m, h or d. A timer of Node.js holds some 24 days. */
export function duration(fallback: string, { least = '0', most = '24d' }: Partial<Bounds> = {}) {
  return quantity(DURATIONS, 'a duration such as 500ms, 30s, 5m, 4h or 5d', { least, most }).prefault(fallback);
}

/** A duration that is never nothing: a timeout, or a pause between tries. */
export function pause(fallback: string) {
  return duration(fallback, { least: '1ms' });
}

/** A duration that no timer waits for. */
export function age(fallback: string) {
  return duration(fallback, { most: '3650d' });
}

interface Bounds {
  readonly least: string;
  readonly most: string;
}

/** `host:port` or `[v6]:port`, split. */
export const hostPort = z.string().transform((text, context) => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) {
    context.addIssue({ code: 'custom', message: 'expected host:port', input: text });
    return z.NEVER;
  }
  return { host: match[1] ?? match[2] ?? '', port };
});

/** What we may call ourselves in a greeting and EHLO: a domain in ASCII, or an address literal (RFC 5321 section 4.1.3). */
export const ownName = z
  .string()
  .refine((text) => isHostName(text) || (text.startsWith('[') && parseDomain(text).ok), 'expected a host name such as mail.example.org');

/** Where a server listens. */
export const listenAddress = z
  .string()
  .refine((text) => isIP(text) !== 0 || isHostName(text), 'expected an IP address such as 127.0.0.1 or ::, or a host name');

/** A host of others: an IP address, or a name, also one that only a local resolver knows (`mail_relay`). */
export const hostName = z
  .string()
  .refine(
    (text) => isIP(text) !== 0 || (/^\w(?:[\w.-]*\w)?\.?$/.test(text) && !/(?:^|\.)\d+$/.test(text)),
    'expected a host name such as mail.example.org, or an IP address',
  );

/** What goes into one line of a reply or a report. */
export const oneLine = z.string().refine((text) => /^[\x20-\x7e]{1,400}$/.test(text), 'expected one line of 1 to 400 characters of ASCII');

/** An IP address alone. */
export const ipAddress = z.string().refine((text) => isIP(text) !== 0, 'expected an IP address such as 192.0.2.1 or 2001:db8::1');

/** A PostgreSQL database. */
export const postgresUrl = z.string().refine((text) => /^postgres(?:ql)?:\/\/./.test(text), 'expected a URL such as postgres://USER:PASSWORD@HOST/DATABASE');

/** A last label of digits would be an address (RFC 1123 section 2.1), and none that `isIP` knows. */
function isHostName(text: string): boolean {
  return isAscii(text) && !text.startsWith('[') && parseDomain(text).ok && !/(?:^|\.)\d+$/.test(text);
}

function quantity(units: Readonly<Record<string, number>>, expected: string, { least, most }: Bounds) {
  const [lowest, highest] = [amount(units, least) ?? 0, amount(units, most) ?? 0];
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const found = amount(units, String(value));
    if (found !== null && found >= lowest && found <= highest) return found;
    const bound = found === null ? expected : found < lowest ? `at least ${least}` : `at most ${most}`;
    context.addIssue({ code: 'custom', message: `expected ${bound}`, input: value });
    return z.NEVER;
  });
}

function amount(units: Readonly<Record<string, number>>, text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(text);
  const factor = match && (match[2] === '' ? 1 : units[match[2] ?? '']);
  return match && factor !== null && factor !== undefined ? Math.round(Number(match[1]) * factor) : null;
}
