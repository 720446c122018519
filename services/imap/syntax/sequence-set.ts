// Sets of message numbers as clients write them (RFC 9051 section 9, sequence-set): `1,4:7,*`, or `$` for the saved search result. Pure.
import { mergedRanges, rangesOf, type UidSet } from '#shared/mailstore/uid-set.ts';
import { BadSyntax } from './bad-syntax.ts';

/** Stands for `*`, the largest number in use; no message has the number 0. */
export const STAR = 0;

export type NumberRange = readonly [from: number, to: number];

export type SequenceSet =
  | { readonly kind: 'numbers'; readonly ranges: readonly NumberRange[] }
  /** RFC 5182 section 2.1. */
  | { readonly kind: 'saved' };

const NUMBER = /^(?:\*|[1-9]\d{0,9})$/;
const HIGHEST = 0xffff_ffff;

/** Throws BadSyntax. */
export function parseSequenceSet(text: string): SequenceSet {
  if (text === '$') return { kind: 'saved' };
  return { kind: 'numbers', ranges: text.split(',').map(parseRange) };
}

function parseRange(text: string): NumberRange {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const only = parseNumber(text);
    return [only, only];
  }
  return [parseNumber(text.slice(0, colon)), parseNumber(text.slice(colon + 1))];
}

function parseNumber(text: string): number {
  if (!NUMBER.test(text)) throw new BadSyntax('Invalid message set');
  if (text === '*') return STAR;
  const number = Number(text);
  if (number > HIGHEST) throw new BadSyntax('Invalid message set');
  return number;
}

/** Ascending ranges that neither touch nor overlap; `*` is `largest`, and the order within a range does not matter. */
export function normalised(ranges: readonly NumberRange[], largest: number): UidSet {
  return mergedRanges(
    ranges.map(([from, to]) => {
      const [a, b] = [from === STAR ? largest : from, to === STAR ? largest : to];
      return a <= b ? [a, b] : [b, a];
    }),
  );
}

/** `1:3,7`: the one way in which we write a set. `numbers` ascending. */
export function formatNumbers(numbers: Iterable<number>): string {
  return formatRanges(rangesOf(numbers));
}

/** The same from ranges. */
export function formatRanges(ranges: Iterable<NumberRange>): string {
  return Array.from(ranges, ([first, last]) => (first === last ? String(first) : `${first}:${last}`)).join(',');
}
