// Units of the configuration: sizes, durations and host:port pairs, each with an error that says what was expected.
import { z } from 'zod';

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
