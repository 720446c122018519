// What FETCH can be asked for (RFC 9051 section 6.4.5, RFC 3501 section 6.4.5, RFC 7162 section 3.1.4, RFC 8474 section 5, RFC 3516): its grammar. Pure.
import type { MessageWants } from '#shared/mailstore/mailbox-store.ts';
import { astring, type Piece } from '../response/strings.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { type Partial, readPartial, readPath, readSection, type Section, WHOLE } from './section.ts';

/** What is written at once: it is bounded, and needs no content. */
export interface ShortItem {
  readonly kind: 'FLAGS' | 'UID' | 'MODSEQ' | 'INTERNALDATE' | 'RFC822.SIZE' | 'EMAILID' | 'THREADID' | 'ENVELOPE';
}

export type FetchItem =
  | ShortItem
  | { readonly kind: 'BODY' | 'BODYSTRUCTURE' }
  | {
      readonly kind: 'section';
      /** How the answer begins. */
      readonly label: readonly Piece[];
      readonly section: Section;
      readonly partial: Partial | null;
      /** Does not set \Seen. */
      readonly peek: boolean;
    }
  | { readonly kind: 'binary'; readonly label: readonly Piece[]; readonly path: readonly number[]; readonly partial: Partial | null; readonly peek: boolean }
  | { readonly kind: 'binary size'; readonly label: readonly Piece[]; readonly path: readonly number[] };

type PlainKind = Exclude<FetchItem['kind'], 'section' | 'binary' | 'binary size'>;

const PLAIN: readonly PlainKind[] = ['FLAGS', 'UID', 'MODSEQ', 'INTERNALDATE', 'RFC822.SIZE', 'EMAILID', 'THREADID', 'ENVELOPE', 'BODY', 'BODYSTRUCTURE'];
const FAST: readonly PlainKind[] = ['FLAGS', 'INTERNALDATE', 'RFC822.SIZE'];
const MACROS: Readonly<Record<string, readonly PlainKind[]>> = { FAST, ALL: [...FAST, 'ENVELOPE'], FULL: [...FAST, 'ENVELOPE', 'BODY'] };

/** RFC 3501 section 6.4.5: what RFC 9051 has dropped and every client of IMAP4rev1 may ask. */
const RFC822: Readonly<Record<string, FetchItem>> = {
  RFC822: { kind: 'section', label: ['RFC822'], section: WHOLE, partial: null, peek: false },
  'RFC822.HEADER': { kind: 'section', label: ['RFC822.HEADER'], section: { ...WHOLE, what: 'header' }, partial: null, peek: true },
  'RFC822.TEXT': { kind: 'section', label: ['RFC822.TEXT'], section: { ...WHOLE, what: 'text' }, partial: null, peek: false },
};

/** One item, a macro, or a list of items. Throws BadSyntax. */
export function readItems(args: ArgumentReader): readonly FetchItem[] {
  if (args.peek() === '(') return args.list(() => readItem(args));
  const macro = MACROS[args.peekKeyword()];
  if (!macro) return [readItem(args)];
  args.atom();
  return macro.map((kind) => ({ kind }));
}

function readItem(args: ArgumentReader): FetchItem {
  const atom = args.atom();
  const bracket = atom.indexOf('[');
  if (bracket >= 0) return readSectionItem(atom.slice(0, bracket).toUpperCase(), atom.slice(bracket + 1), args);
  const name = atom.toUpperCase();
  const kind = PLAIN.find((plain) => plain === name);
  const item = kind ? { kind } : RFC822[name];
  if (!item) throw new BadSyntax('Unknown item of FETCH');
  return item;
}

function readSectionItem(name: string, text: string, args: ArgumentReader): FetchItem {
  const peek = name.endsWith('.PEEK');
  if (name === 'BODY' || name === 'BODY.PEEK') {
    const section = readSection(text, args);
    const partial = readPartial(args);
    return { kind: 'section', label: label('BODY', text, section.fields, partial), section, partial, peek };
  }
  if (name !== 'BINARY' && name !== 'BINARY.PEEK' && name !== 'BINARY.SIZE') throw new BadSyntax('Unknown item of FETCH');
  const path = readPath(text);
  args.expect(']');
  if (name === 'BINARY.SIZE') return { kind: 'binary size', label: label(name, text, [], null), path };
  const partial = readPartial(args);
  return { kind: 'binary', label: label('BINARY', text, [], partial), path, partial, peek };
}

/** RFC 9051 section 7.5.2: the section as asked for, and where it begins. */
function label(name: string, text: string, fields: readonly string[], partial: Partial | null): readonly Piece[] {
  const names = fields.flatMap((field, index): Piece[] => [index === 0 ? ' (' : ' ', astring(field, false)]);
  const origin = partial ? `]<${partial.start}>` : ']';
  return [`${name}[${text.toUpperCase()}`, ...names, fields.length > 0 ? `)${origin}` : origin];
}

/** The item sets \Seen (RFC 9051 section 6.4.5). */
export function setsSeen(item: FetchItem): boolean {
  return (item.kind === 'section' || item.kind === 'binary') && !item.peek;
}

/** The item is answered from the columns that the session has in memory. */
export function isColumn({ kind }: FetchItem): boolean {
  return kind === 'FLAGS' || kind === 'UID' || kind === 'MODSEQ';
}

export function isShort(item: FetchItem): item is ShortItem {
  const { kind } = item;
  return !('label' in item || kind === 'BODY' || kind === 'BODYSTRUCTURE');
}

/** What the store is asked for, so that these items can be answered. */
export function wantsOf(items: readonly FetchItem[]): MessageWants {
  const any = (kind: FetchItem['kind']): boolean => items.some((item) => item.kind === kind);
  return { index: items.some(needsIndex), envelope: any('ENVELOPE'), thread: any('THREADID') };
}

/** The item needs more of what was parsed of the message than its envelope. */
function needsIndex(item: FetchItem): boolean {
  if (item.kind === 'section') return item.section.path.length > 0 || item.section.what !== 'all';
  return item.kind === 'BODY' || item.kind === 'BODYSTRUCTURE' || item.kind === 'binary size' || (item.kind === 'binary' && item.path.length > 0);
}
