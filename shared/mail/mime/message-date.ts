// The Date field read leniently (RFC 5322 section 3.3 and its obsolete forms in section 4.3). Pure.

export interface SentDate {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The date at the sender's place, in days since 1970-01-01: what SENTON compares (RFC 9051 section 6.4.4). */
  readonly day: number;
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
/** Hours from UTC. RFC 5322 section 4.3: military letters and unknown names count as -0000. */
const ZONES: Readonly<Record<string, number>> = { EDT: -4, EST: -5, CDT: -5, CST: -6, MDT: -6, MST: -7, PDT: -7, PST: -8 };
const DATE =
  /^(?:[a-z]+\.?,?\s*)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{2,4})(?:,?\s+(\d{1,2})[:.](\d{2})(?:[:.](\d{2})(?:\.\d+)?)?)?\s*([+-]\d{4}|[a-z]{1,5})?/i;
const DAY = 86_400_000;

/** The time that an unfolded Date field tells, or undefined when it is none. */
export function parseDate(text: string): SentDate | undefined {
  const plain = text
    .slice(0, 200)
    .replace(/\([^()]*\)/g, ' ')
    .trim();
  const match = DATE.exec(plain);
  const month = MONTHS.indexOf((match?.[2] ?? '').toLowerCase());
  if (!match || month < 0) return undefined;
  const date = Number(match[1]);
  const [hour, minute, second] = [match[4], match[5], match[6]].map((digits) => Number(digits ?? 0)) as [number, number, number];
  if (date < 1 || date > 31 || hour > 24 || minute > 59 || second > 60) return undefined;
  const local = Date.UTC(fullYear(match[3] ?? ''), month, date, hour, minute, second);
  return { at: local - offset(match[7] ?? '') * 60_000, day: Math.floor(local / DAY) };
}

/** RFC 5322 section 4.3: two digits below 50 are of this century, other short years count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits);
  if (digits.length === 2 && year < 50) return 2000 + year;
  return digits.length < 4 ? 1900 + year : year;
}

/** Minutes east of UTC. */
function offset(zone: string): number {
  const match = /^([+-])(\d{2})(\d{2})$/.exec(zone);
  if (!match) return (ZONES[zone.toUpperCase()] ?? 0) * 60;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3]));
}
