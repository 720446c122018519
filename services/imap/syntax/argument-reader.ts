// Reads the arguments of one command from left to right (RFC 9051 section 9). Every method throws BadSyntax for what the grammar does not
// allow; none looks back, so that reading costs no more than the command is long. Owns its position.
import { MAX_DEPTH } from '../limits.ts';
import { BadSyntax } from './bad-syntax.ts';
import type { CommandText } from './command-text.ts';
import { parseSequenceSet, type SequenceSet } from './sequence-set.ts';

/** RFC 9051 section 9: what may stand in an atom. */
const ATOM = /[^\x00-\x20\x7f-\xff(){%*"\\\]]+/y;
/** As ATOM, with `]`: ASTRING-CHAR. */
const ASTRING_ATOM = /[^\x00-\x20\x7f-\xff(){%*"\\]+/y;
/** As ASTRING_ATOM, with the wildcards of LIST: list-char. */
const LIST_ATOM = /[^\x00-\x20\x7f-\xff(){"\\]+/y;
const FLAG = /\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+/y;
const DIGITS = /\d{1,20}/y;
const SET = /[\d*:,]+|\$/y;
const QUOTED = /"[^"\\\x00\r\n]*(?:\\["\\][^"\\\x00\r\n]*)*"/y;
const ANNOUNCEMENT = /~?\{\d+\+?\}$/y;
const LITERAL = /~?\{\d+\+?\}\r\n/y;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const ASCII = /^[\x00-\x7f]*$/;

export class ArgumentReader {
  readonly #text: string;
  readonly #literals: readonly Buffer[];
  #at: number;
  #literal = 0;
  #depth = 0;

  /** Reads from offset `from` of the text; no literal stands before it. */
  constructor({ text, literals }: CommandText, from = 0) {
    this.#text = text;
    this.#literals = literals;
    this.#at = from;
  }

  /** True when nothing is left. */
  get atEnd(): boolean {
    return this.#at === this.#text.length;
  }

  /** The next character, or '' at the end. */
  peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw new BadSyntax('Unexpected text after the arguments');
  }

  /** Exactly one space. */
  space(): void {
    this.expect(' ', 'a space');
  }

  /** Takes this character, if it is the next. */
  take(character: string): boolean {
    if (this.peek() !== character) return false;
    this.#at++;
    return true;
  }

  /** This character must be the next; `name` for the client. */
  expect(character: string, name = `"${character}"`): void {
    if (!this.take(character)) throw new BadSyntax(`Expected ${name}`);
  }

  atom(): string {
    return this.#match(ATOM) ?? this.#fail('an atom');
  }

  /** An atom in upper case: the names of commands, items and options have no case. */
  keyword(): string {
    return this.atom().toUpperCase();
  }

  /** The keyword that comes, without taking it; '' when none does. */
  peekKeyword(): string {
    ATOM.lastIndex = this.#at;
    return ATOM.exec(this.#text)?.[0].toUpperCase() ?? '';
  }

  /** Takes this keyword, if it is the next. */
  takeKeyword(keyword: string): boolean {
    if (this.peekKeyword() !== keyword) return false;
    this.#at += keyword.length;
    return true;
  }

  /** RFC 9051 section 9, number64: below 2^63. Above 2^53 it is 2^53 - 1, which is above every number of ours. */
  number(): number {
    const digits = this.#match(DIGITS) ?? this.#fail('a number');
    if (digits.length > 19) throw new BadSyntax('Number too large');
    return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  }

  nzNumber(): number {
    const number = this.number();
    if (number === 0) throw new BadSyntax('Expected a number above zero');
    return number;
  }

  sequenceSet(): SequenceSet {
    return parseSequenceSet(this.#match(SET) ?? this.#fail('a message set'));
  }

  /** A flag or keyword as written; `\*` and unknown system flags are the store's to judge. */
  flag(): string {
    return this.#match(FLAG) ?? this.#fail('a flag');
  }

  /** RFC 9051 section 9, string: its octets. */
  octets(): Buffer {
    const quoted = this.#quoted();
    return quoted === null ? this.#literalOctets() : Buffer.from(quoted, 'latin1');
  }

  /** RFC 9051 section 9, string: UTF-8, with or without ENABLE: who sends more than ASCII means it. */
  string(): string {
    const quoted = this.#quoted();
    if (quoted !== null && ASCII.test(quoted)) return quoted;
    return decode(quoted === null ? this.#literalOctets() : Buffer.from(quoted, 'latin1'));
  }

  /** RFC 9051 section 9, astring. */
  astring(): string {
    return this.#match(ASTRING_ATOM) ?? this.string();
  }

  /** The octets of an astring, for a SEARCH with its own CHARSET. */
  astringOctets(): Buffer {
    const atom = this.#match(ASTRING_ATOM);
    return atom === undefined ? this.octets() : Buffer.from(atom, 'latin1');
  }

  /** RFC 9051 section 9, list-mailbox: a mailbox name with wildcards, as written. */
  listPattern(): string {
    return this.#match(LIST_ATOM) ?? this.string();
  }

  /** NIL, or a string. */
  nstring(): string | null {
    return this.takeKeyword('NIL') ? null : this.string();
  }

  /** `(item item ...)`; empty when `empty` allows it. */
  list<T>(item: () => T, empty: 'may be empty' | 'not empty' = 'not empty'): readonly T[] {
    return this.nested(() => {
      const items: T[] = [];
      if (empty === 'may be empty' && this.peek() === ')') return items;
      do items.push(item());
      while (this.take(' '));
      return items;
    });
  }

  /** What `read` reads between parentheses, which may stand in others only so deep. */
  nested<T>(read: () => T): T {
    this.expect('(');
    const value = this.deeper(read);
    this.expect(')');
    return value;
  }

  /** What `read` reads one level deeper: for what nests without parentheses (NOT NOT NOT). */
  deeper<T>(read: () => T): T {
    if (++this.#depth > MAX_DEPTH) throw new BadSyntax('Nested too deeply');
    const value = read();
    this.#depth--;
    return value;
  }

  /** The announcement of a literal that was not read: it stands at the end, for its command to take. */
  announcement(): void {
    if (this.#match(ANNOUNCEMENT) === undefined) this.#fail('a literal');
  }

  /** All that is left, as written. Not for commands with literals. */
  rest(): string {
    const rest = this.#text.slice(this.#at);
    this.#at = this.#text.length;
    return rest;
  }

  /** What matches this sticky pattern here, or undefined. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #quoted(): string | null {
    if (this.peek() !== '"') return null;
    const found = this.#match(QUOTED) ?? this.#fail('the end of a quoted string');
    const inner = found.slice(1, -1);
    return inner.includes('\\') ? inner.replace(/\\(.)/g, '$1') : inner;
  }

  #literalOctets(): Buffer {
    const announced = this.#match(LITERAL);
    const octets = announced === undefined ? undefined : this.#literals[this.#literal++];
    // RFC 9051 section 9, CHAR8: that is what literal8 is for.
    if (octets?.includes(0) && !announced?.startsWith('~')) throw new BadSyntax('NUL in a literal');
    return octets ?? this.#fail('a string');
  }

  #fail(expected: string): never {
    throw new BadSyntax(`Expected ${expected}`);
  }
}

function decode(octets: Buffer): string {
  try {
    return utf8.decode(octets);
  } catch {
    throw new BadSyntax('Text is not UTF-8');
  }
}
