// The parameters of MAIL and RCPT that we advertise: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET, ENVID,
// NOTIFY and ORCPT (RFC 3461), AUTH (RFC 4954 section 5). Into the envelope; pure, errors are values.
import type { BodyType, EnvelopeRecipient, Notify } from './envelope.ts';
import { type Parsed, parsed, refused } from './parsed.ts';
import type { EsmtpParameter } from './path.ts';
import { decodeUtf8Addr, decodeXtext } from './xtext.ts';

export interface MailParameters {
  readonly body: BodyType;
  readonly smtputf8: boolean;
  /** Bytes that the client announced (RFC 1870 section 6.1). */
  readonly size?: number;
  readonly ret?: 'full' | 'hdrs';
  readonly envid?: string;
}

export type RcptParameters = Pick<EnvelopeRecipient, 'notify' | 'orcpt'>;

type Part<T> = (value: string | undefined) => Parsed<T>;

/** Characters of ENVID and ORCPT as sent (RFC 3461 section 4.4 and 4.2). */
const MAX_ENVID = 100;
const MAX_ORCPT = 500;
const PRINTABLE = /^[\x20-\x7E]+$/;

const MAIL: Readonly<Record<string, Part<Partial<MailParameters>>>> = {
  SIZE: (value) => (/^\d{1,20}$/.test(value ?? '') ? parsed({ size: Number(value) }) : refused('syntax', 'SIZE needs a number')),
  BODY: (value) => oneOf('BODY', value, { '7BIT': { body: '7bit' }, '8BITMIME': { body: '8bitmime' } }),
  SMTPUTF8: (value) => (value === undefined ? parsed({ smtputf8: true }) : refused('syntax', 'SMTPUTF8 takes no value')),
  RET: (value) => oneOf('RET', value, { FULL: { ret: 'full' }, HDRS: { ret: 'hdrs' } }),
  ENVID: parseEnvid,
  // RFC 4954 section 5: we trust nobody to assert another identity, so it is checked and read as `<>`.
  AUTH: (value) => (value !== undefined && decodeXtext(value) !== null ? parsed({}) : refused('syntax', 'AUTH needs xtext')),
};

const RCPT: Readonly<Record<string, Part<RcptParameters>>> = { NOTIFY: parseNotify, ORCPT: parseOrcpt };

/** The parameters of MAIL. `unrecognised` is 555 5.5.4 (RFC 5321 section 4.1.1.11), `syntax` 501 5.5.4. */
export function parseMailParameters(parameters: readonly EsmtpParameter[]): Parsed<MailParameters> {
  return collect(MAIL, parameters, { body: '7bit', smtputf8: false });
}

/** The parameters of RCPT; replies as for MAIL. */
export function parseRcptParameters(parameters: readonly EsmtpParameter[]): Parsed<RcptParameters> {
  return collect(RCPT, parameters, {});
}

function collect<T extends object>(table: Readonly<Record<string, Part<Partial<T>>>>, parameters: readonly EsmtpParameter[], initial: T): Parsed<T> {
  let result = initial;
  for (const { keyword, value } of parameters) {
    const part = Object.hasOwn(table, keyword) ? table[keyword] : undefined;
    if (!part) return refused('unrecognised', 'Parameter not recognised');
    const one = part(value);
    if (!one.ok) return one;
    result = { ...result, ...one.value };
  }
  return parsed(result);
}

function oneOf<T>(keyword: string, value: string | undefined, choices: Readonly<Record<string, T>>): Parsed<T> {
  const choice = choices[value?.toUpperCase() ?? ''];
  return choice === undefined ? refused('syntax', `${keyword} must be ${Object.keys(choices).join(' or ')}`) : parsed(choice);
}

/** RFC 3461 section 4.4: at most 100 characters of xtext that mean printable US-ASCII. */
function parseEnvid(value: string | undefined): Parsed<Partial<MailParameters>> {
  if (value === undefined || value.length > MAX_ENVID) return refused('syntax', 'ENVID needs 1 to 100 characters');
  const envid = decodeXtext(value);
  return envid !== null && PRINTABLE.test(envid) ? parsed({ envid }) : refused('syntax', 'ENVID needs xtext of printable characters');
}

/** RFC 3461 section 4.1: NEVER alone, or a list of the others. */
function parseNotify(value: string | undefined): Parsed<RcptParameters> {
  const items = new Set((value ?? '').toLowerCase().split(','));
  const known = [...items].every((item): item is Notify => /^(?:never|success|failure|delay)$/.test(item));
  if (!known || (items.has('never') && items.size > 1)) return refused('syntax', 'NOTIFY must be NEVER, or of SUCCESS, FAILURE and DELAY');
  return parsed({ notify: [...items] as Notify[] });
}

/** RFC 3461 section 4.2: `addr-type;xtext`; for the type `utf-8` the encodings of RFC 6533 section 3. */
function parseOrcpt(value: string | undefined): Parsed<RcptParameters> {
  const match = /^([A-Za-z0-9][A-Za-z0-9-]*);(.+)$/s.exec(value ?? '');
  if (!match || Buffer.byteLength(value ?? '') > MAX_ORCPT) return refused('syntax', 'ORCPT must be addr-type;xtext of at most 500 characters');
  // RFC 3461 section 5.2.1: passed on without a change of case.
  const type = match[1] ?? '';
  const address = decodeOriginal(type.toLowerCase(), match[2] ?? '');
  return address === null ? refused('syntax', 'ORCPT needs xtext of printable characters') : parsed({ orcpt: `${type};${address}` });
}

function decodeOriginal(type: string, encoded: string): string | null {
  if (type !== 'utf-8') {
    const address = decodeXtext(encoded);
    return address !== null && PRINTABLE.test(address) ? address : null;
  }
  const address = decodeUtf8Addr(encoded);
  return address !== null && !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(address) ? address : null;
}
