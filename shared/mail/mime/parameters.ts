// Structured fields with parameters, Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2183, RFC 2231), read leniently.
// Pure and linear in the text; what cannot be read is skipped.
import { decodeCharset } from './charset.ts';
import { decodeWords } from './encoded-words.ts';
import type { Params } from './parsed-message.ts';

export interface ParameterField {
  /** What stands before the first semicolon, without comments. */
  readonly value: string;
  readonly params: Params;
  /** There were more than `most`. */
  readonly cut: boolean;
}

/** Parses an unfolded field value; reads at most `most` parameters. */
export function parseParameters(text: string, most = 100): ParameterField {
  const scan = new Scanner(text);
  const value = scan.upToSemicolon();
  const raw: [string, string][] = [];
  while (!scan.done && raw.length < most) {
    const name = scan.name();
    if (name === null) continue;
    if (name !== '') raw.push([name, scan.value()]);
  }
  return { value, params: joinContinuations(raw), cut: !scan.done };
}

class Scanner {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }
  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Up to the next semicolon and behind it; comments dropped. */
  upToSemicolon(): string {
    let out = '';
    while (!this.done) {
      const char = this.#text[this.#at] ?? '';
      if (char === ';') {
        this.#at++;
        break;
      }
      // A file name with unquoted parentheses is more common than a comment that touches a word.
      if (char === '(' && (out === '' || /\s$/.test(out))) this.#comment();
      else {
        out += char;
        this.#at++;
      }
    }
    return out.trim();
  }

  /** The name before `=`, behind which the scanner then stands; null when there is none up to the next semicolon. */
  name(): string | null {
    this.#skipSpace();
    const start = this.#at;
    const from = this.#text.slice(start, start + 1);
    if (from === ';') {
      this.#at++;
      return null;
    }
    while (!this.done && !/[=;]/.test(this.#text[this.#at] ?? '')) this.#at++;
    const name = this.#text.slice(start, this.#at).trim();
    if (this.#text[this.#at] !== '=') return null;
    this.#at++;
    return name;
  }

  value(): string {
    this.#skipSpace();
    if (this.#text[this.#at] !== '"') return this.upToSemicolon();
    const value = this.#quoted();
    this.upToSemicolon();
    return value;
  }

  #quoted(): string {
    let out = '';
    for (this.#at++; !this.done; this.#at++) {
      let char = this.#text[this.#at] ?? '';
      if (char === '"') {
        this.#at++;
        break;
      }
      if (char === '\\') char = this.#text[++this.#at] ?? '';
      out += char;
    }
    return out;
  }

  #skipSpace(): void {
    for (;;) {
      while (/[\s]/.test(this.#text[this.#at] ?? '')) this.#at++;
      if (this.#text[this.#at] !== '(') return;
      this.#comment();
    }
  }

  #comment(): void {
    let depth = 0;
    for (; !this.done; this.#at++) {
      const char = this.#text[this.#at];
      if (char === '\\') this.#at++;
      else if (char === '(') depth++;
      else if (char === ')' && --depth === 0) break;
    }
    this.#at++;
  }
}

interface Segment {
  readonly number: number;
  readonly encoded: boolean;
  readonly value: string;
}

/** RFC 2231 section 3 and 4.1: `name*0`, `name*1*` … become one parameter, in the place of the first. Doubles are dropped. */
function joinContinuations(raw: readonly (readonly [string, string])[]): Params {
  const out = new Map<string, { name: string; value: string; segments?: Segment[] }>();
  for (const [name, value] of raw) {
    const match = /^(.+?)\*(\d{1,3})(\*?)$/.exec(name);
    const base = match?.[1] ?? name;
    const key = match ? `${base.toLowerCase()}*0` : base.toLowerCase();
    const known = out.get(key);
    if (!match) {
      if (!known) out.set(key, { name, value });
      continue;
    }
    const segment = { number: Number(match[2]), encoded: match[3] === '*', value };
    if (known) known.segments?.push(segment);
    else out.set(key, { name: base, value: '', segments: [segment] });
  }
  return [...out.values()].flatMap(({ name, value, segments }) => (segments ? joinSegments(name, segments) : [name, value]));
}

function joinSegments(name: string, segments: Segment[]): [string, string] {
  const ordered = segments.sort((a, b) => a.number - b.number);
  if (!ordered.some(({ encoded }) => encoded)) return [name, ordered.map(({ value }) => value).join('')];
  const values = ordered.map(({ encoded, value }, index) => {
    // A first segment in plain form names no charset.
    if (!encoded) return (index === 0 ? "''" : '') + encodeURIComponent(value);
    return index === 0 && !/^[^']*'[^']*'/.test(value) ? `''${value}` : value;
  });
  return [`${name}*`, values.join('')];
}

/** The value of a parameter as text: in RFC 2231 form, as encoded words (which RFC 2047 section 5 forbids and many write), or plain. */
export function decodeParameter(params: Params, name: string): string | undefined {
  const extended = parameter(params, `${name}*`);
  if (extended === undefined) {
    const plain = parameter(params, name);
    return plain === undefined ? undefined : decodeWords(plain);
  }
  const match = /^([^']*)'[^']*'(.*)$/s.exec(extended);
  return decodeCharset(percentOctets(match?.[2] ?? extended), match?.[1] ?? '');
}

/** The value as it stands, whatever the case of the name. */
export function parameter(params: Params | undefined, name: string): string | undefined {
  const wanted = name.toLowerCase();
  for (let index = 0; params && index < params.length; index += 2) if (params[index]?.toLowerCase() === wanted) return params[index + 1];
  return undefined;
}

function percentOctets(text: string): Buffer {
  const octets = text.replace(/%([0-9A-Fa-f]{2})|([^\x00-\x7F]+)/g, (_, hex: string | undefined, wide: string | undefined) =>
    hex ? String.fromCharCode(Number.parseInt(hex, 16)) : Buffer.from(wide ?? '').toString('latin1'),
  );
  return Buffer.from(octets, 'latin1');
}
