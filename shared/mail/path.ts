// The arguments of MAIL and RCPT (RFC 5321 section 4.1.1.2 and 4.1.1.3): a path and its parameters, taken apart.
// Pure; what does not fit the grammar is a Problem.
import { type Address, formatAddress, parseAddress, parseDomain } from './address.ts';
import { type Parsed, parsed, refused } from './parsed.ts';

/** One `KEY=value` behind a path (RFC 5321 section 4.1.2, esmtp-param). */
export interface EsmtpParameter {
  /** In upper case. */
  readonly keyword: string;
  /** Absent when there was no `=`. */
  readonly value?: string;
}

export interface PathArgument {
  /** Without angle brackets and source route; the empty string is the null reverse-path (MAIL only). */
  readonly mailbox: string;
  /** Null for the null reverse-path. */
  readonly address: Address | null;
  readonly parameters: readonly EsmtpParameter[];
}

/** Parses what follows `MAIL `, e.g. `FROM:<alice@example.org> SIZE=1000`. RFC 5321 section 4.1.1.2. */
export function parseMailArgument(argument: string): Parsed<PathArgument> {
  const result = parseArgument('FROM:', argument);
  // `postmaster` without a domain is for RCPT alone (RFC 5321 section 4.1.1.3).
  if (result.ok && result.value.address?.domain === '') return refused('syntax', 'Expected a domain in the reverse-path');
  return result;
}

/** Parses what follows `RCPT `, e.g. `TO:<bob@example.net> NOTIFY=NEVER`. RFC 5321 section 4.1.1.3. */
export function parseRcptArgument(argument: string): Parsed<PathArgument> {
  const result = parseArgument('TO:', argument);
  if (result.ok && result.value.address === null) return refused('syntax', 'Expected a forward-path');
  return result;
}

function parseArgument(verb: string, argument: string): Parsed<PathArgument> {
  if (argument.slice(0, verb.length).toUpperCase() !== verb) return refused('syntax', `Expected ${verb}<path>`);
  // A space behind the colon is wrong and common; RFC 5321 section 3.3 leaves it to us.
  const text = argument.slice(verb.length).trimStart();
  const close = endOfPath(text);
  if (close < 0) return refused('syntax', 'Expected a path in angle brackets');
  const path = parsePath(text.slice(1, close));
  if (!path.ok) return path;
  const parameters = splitParameters(text.slice(close + 1));
  return parameters.ok ? parsed({ ...path.value, parameters: parameters.value }) : parameters;
}

/** The offset of the `>` that closes the path at the start of `text`; one inside a quoted-string does not. */
function endOfPath(text: string): number {
  const match = /^<(?:[^"<>\\]|"(?:[^"\\]|\\.)*")*>/s.exec(text);
  return match ? match[0].length - 1 : -1;
}

/** The inside of a path: a mailbox, maybe behind a source route, or nothing. */
function parsePath(text: string): Parsed<Omit<PathArgument, 'parameters'>> {
  if (text === '') return parsed({ mailbox: '', address: null });
  const mailbox = stripSourceRoute(text);
  if (!mailbox.ok) return mailbox;
  const address = parseAddress(mailbox.value);
  return address.ok ? parsed({ mailbox: formatAddress(address.value), address: address.value }) : address;
}

/** `@a,@b:user@c` is `user@c`: routes are accepted and ignored (RFC 5321 section 4.1.1.3 and appendix C). */
function stripSourceRoute(text: string): Parsed<string> {
  if (!text.startsWith('@')) return parsed(text);
  // IPv6 literals hold colons: the route ends at the first colon outside brackets.
  const match = /^((?:@(?:\[[^\]]*\]|[^,:@[\]]+)(?:,(?=@)|(?=:)))+):(.*)$/s.exec(text);
  const hops = match?.[1]?.split(',') ?? [];
  if (!match || !hops.every((hop) => parseDomain(hop.slice(1)).ok)) return refused('syntax', 'Bad source route');
  return parsed(match[2] ?? '');
}

/** Splits ` KEY=value KEY2`; a keyword twice is an error. RFC 5321 section 4.1.2, values with RFC 6531 section 3.3. */
export function splitParameters(text: string): Parsed<readonly EsmtpParameter[]> {
  if (text !== '' && !text.startsWith(' ')) return refused('syntax', 'Expected a space behind the path');
  const parameters: EsmtpParameter[] = [];
  const seen = new Set<string>();
  for (const item of text.split(' ')) {
    if (item === '') continue;
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=((?:[!-<>-~]|[^\x00-\xA0\uFFFD])+))?$/u.exec(item);
    const keyword = match?.[1]?.toUpperCase();
    if (!match || keyword === undefined) return refused('parameter', 'Bad parameter');
    if (seen.has(keyword)) return refused('parameter', `${keyword} given twice`);
    seen.add(keyword);
    parameters.push(match[2] === undefined ? { keyword } : { keyword, value: match[2] });
  }
  return parsed(parameters);
}
