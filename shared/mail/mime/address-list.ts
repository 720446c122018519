// Address lists of header fields (RFC 5322 section 3.4 with its obsolete forms) as ENVELOPE has them. Lenient: every text yields some
// list. Pure and linear in the text.
import type { EnvelopeAddress } from './parsed-message.ts';

interface Token {
  readonly kind: 'atom' | 'quoted' | '@';
  readonly text: string;
  /** White space or a comment stood before it. */
  readonly gap: boolean;
}

export interface AddressList {
  readonly addresses: readonly EnvelopeAddress[];
  /** There were more than `most`. */
  readonly cut: boolean;
}

/** Reads an unfolded field value; at most `most` entries. Names keep their encoded words. A mailbox without a domain has the host ''. */
export function parseAddressList(text: string, most = 2000): AddressList {
  const reader = new AddressReader(text);
  const addresses: EnvelopeAddress[] = [];
  for (const address of reader.entries()) {
    if (addresses.length >= most) return { addresses, cut: true };
    addresses.push(address);
  }
  return { addresses, cut: false };
}

const ATOM = /[^\s"(),:;<>@[\]]+/y;

class AddressReader {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }

  *entries(): Generator<EnvelopeAddress> {
    let inGroup = false;
    while (this.#at < this.#text.length) {
      const { tokens, comment, end } = this.#tokens(',;:<');
      if (end === '<') {
        yield this.#angle(phrase(tokens) || comment);
        continue;
      }
      if (end === ':') {
        // RFC 9051 section 7.5.2: a group begins with its name and no host
        if (inGroup) yield [null, null, null];
        inGroup = true;
        yield [null, phrase(tokens), null];
        continue;
      }
      const address = bareAddress(tokens, comment);
      if (address) yield address;
      if (end === ';' && inGroup) {
        inGroup = false;
        yield [null, null, null];
      }
    }
    if (inGroup) yield [null, null, null];
  }

  /** Behind `<`: a mailbox with, perhaps, a source route (RFC 5322 section 4.4). */
  #angle(name: string): EnvelopeAddress {
    let { tokens, end } = this.#tokens('>:');
    let route: string | undefined;
    if (end === ':' && tokens[0]?.kind === '@') {
      route = join(tokens);
      ({ tokens, end } = this.#tokens('>'));
    }
    const rest = this.#tokens(',;', true); // a comment behind the mailbox is its name when there is no other
    if (rest.end === ';') this.#at--;
    const [mailbox, host] = splitAddress(tokens);
    const shown = name || rest.comment || null;
    return route ? [shown, mailbox, host, route] : [shown, mailbox, host];
  }

  /** Reads up to one of `ends` (consumed) or the end of the text. */
  #tokens(ends: string, stopAtText = false): { tokens: Token[]; comment: string; end: string } {
    const tokens: Token[] = [];
    let comment = '';
    let gap = false;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at] ?? '';
      if (ends.includes(char)) {
        this.#at++;
        return { tokens, comment, end: char };
      }
      if (char === '(') comment = this.#comment();
      else if (char === '"') tokens.push({ kind: 'quoted', text: this.#delimited('"'), gap });
      else if (char === '[') tokens.push({ kind: 'atom', text: `[${this.#delimited(']')}]`, gap });
      else if (char === '@') tokens.push({ kind: '@', text: this.#text[this.#at++] ?? '', gap });
      else if (/[\s,:;<>\]]/.test(char)) this.#at++;
      else if (stopAtText) return { tokens, comment, end: '' };
      else tokens.push({ kind: 'atom', text: this.#atom(), gap });
      gap = char === '(' || /\s/.test(char);
    }
    return { tokens, comment, end: '' };
  }

  #atom(): string {
    ATOM.lastIndex = this.#at;
    const text = ATOM.exec(this.#text)?.[0] ?? this.#text[this.#at] ?? '';
    this.#at += text.length;
    return text;
  }

  /** Up to the closing character, backslashes taken away. */
  #delimited(close: string): string {
    let out = '';
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      let char = this.#text[this.#at] ?? '';
      if (char === close) break;
      if (char === '\\') char = this.#text[++this.#at] ?? '';
      out += char;
    }
    this.#at++;
    return out;
  }

  #comment(): string {
    let depth = 0;
    let out = '';
    for (; this.#at < this.#text.length; this.#at++) {
      let char = this.#text[this.#at] ?? '';
      if (char === '(' && depth++ === 0) continue;
      if (char === ')' && --depth === 0) break;
      if (char === '\\') char = this.#text[++this.#at] ?? '';
      out += char;
    }
    this.#at++;
    return out.trim();
  }
}

function phrase(tokens: readonly Token[]): string {
  return tokens.map(({ text, gap }, index) => (gap && index > 0 ? ` ${text}` : text)).join('');
}

/** Obsolete white space around dots and the at-sign goes (RFC 5322 section 4.4). */
function join(tokens: readonly Token[]): string {
  return tokens.map(({ text }) => text).join('');
}

/** `user@host`, `user@host (Name)`, or, wrongly, `"Name" user@host`: without angle brackets. */
function bareAddress(tokens: readonly Token[], comment: string): EnvelopeAddress | null {
  if (tokens.length === 0) return null;
  const at = tokens.findIndex(({ kind }) => kind === '@');
  if (at < 0) return [comment || null, phrase(tokens), ''];
  let start = at;
  // The local-part reaches back over tokens that touch, or that a dot joins.
  while (start > 0 && (start === at || joins(tokens[start - 1], tokens[start]))) start--;
  const [mailbox, host] = splitAddress(tokens.slice(start));
  return [phrase(tokens.slice(0, start)) || comment || null, mailbox, host];
}

function joins(left: Token | undefined, right: Token | undefined): boolean {
  return !right?.gap || right.text.startsWith('.') || left?.text.endsWith('.') === true;
}

function splitAddress(tokens: readonly Token[]): [string, string] {
  const at = tokens.findLastIndex(({ kind }) => kind === '@');
  if (at < 0) return [phrase(tokens), ''];
  return [join(tokens.slice(0, at)), join(tokens.slice(at + 1))];
}
