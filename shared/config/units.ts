// Units of the configuration: sizes, durations, hosts and database URLs, each with an error that says what was expected.
import { isIP } from 'node:net';
import { z } from 'zod';
import { isAscii, parseDomain } from '#shared/mail/address.ts';

const SIZES: Readonly<Record<string, number>> = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3, TB: 1024 ** 4 };
const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Bytes: a number, or a number with B, KB, MB, GB or TB (powers of 1024). */
export function bytes(fallback: string) {
  return quantity(SIZES, 'a size such as 512KB or 50MB').prefault(fallback);
}

/** Milliseconds: a number, or a number with ms, s, m, h or d. */
export function duration(fallback: string) {
  return quantity(DURATIONS, 'a duration such as 500ms, 30s, 5m, 4h or 5d').prefault(fallback);
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

/** An IP address alone. */
export const ipAddress = z.string().refine((text) => isIP(text) !== 0, 'expected an IP address such as 192.0.2.1 or 2001:db8::1');

/** A PostgreSQL database. */
export const postgresUrl = z.string().refine((text) => /^postgres(?:ql)?:\/\/./.test(text), 'expected a URL such as postgres://USER:PASSWORD@HOST/DATABASE');

/** A last label of digits would be an address (RFC 1123 section 2.1), and none that `isIP` knows. */
function isHostName(text: string): boolean {
  return isAscii(text) && !text.startsWith('[') && parseDomain(text).ok && !/(?:^|\.)\d+$/.test(text);
}

function quantity(units: Readonly<Record<string, number>>, expected: string) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const match = /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(String(value));
    const factor = match && (match[2] === '' ? 1 : units[match[2] ?? '']);
    if (!match || factor === undefined) {
      context.addIssue({ code: 'custom', message: `expected ${expected}`, input: value });
      return z.NEVER;
    }
    return Math.round(Number(match[1]) * (factor as number));
  });
}
