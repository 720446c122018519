// What a next hop offers, read from its EHLO reply (RFC 5321 section 4.1.1.1). Pure; what is not understood is ignored.
import type { Reply } from '#shared/smtp/outcome.ts';

export interface Capabilities {
  /** RFC 2920. */
  readonly pipelining: boolean;
  /** RFC 6152. */
  readonly eightBitMime: boolean;
  /** RFC 6531. */
  readonly smtpUtf8: boolean;
  /** RFC 3461. */
  readonly dsn: boolean;
  /** RFC 3207. */
  readonly startTls: boolean;
  /** RFC 1870: undefined when not offered, 0 when offered without a limit, else octets. */
  readonly size?: number;
  /** RFC 4954: SASL mechanisms in upper case. */
  readonly auth: ReadonlySet<string>;
}

/** What is left after HELO: a next hop without extensions. */
export const NO_CAPABILITIES: Capabilities = { pipelining: false, eightBitMime: false, smtpUtf8: false, dsn: false, startTls: false, auth: new Set() };

/** Reads the lines of an EHLO reply; the first is the greeting and names nothing. */
export function parseEhlo(reply: Reply): Capabilities {
  const offers = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    // `AUTH=LOGIN` is what servers wrote for clients older than RFC 4954.
    const [, keyword = '', argument = ''] = /^([A-Za-z0-9-]+)[ =]*(.*)$/.exec(line) ?? [];
    const name = keyword.toUpperCase();
    offers.set(name, `${offers.get(name) ?? ''} ${argument}`.trim());
  }
  const size = offers.get('SIZE');
  return {
    pipelining: offers.has('PIPELINING'),
    eightBitMime: offers.has('8BITMIME'),
    smtpUtf8: offers.has('SMTPUTF8'),
    dsn: offers.has('DSN'),
    startTls: offers.has('STARTTLS'),
    ...(size === undefined ? {} : { size: /^\d{1,15}$/.test(size) ? Number(size) : 0 }),
    auth: new Set((offers.get('AUTH') ?? '').toUpperCase().split(/ +/).filter(Boolean)),
  };
}
