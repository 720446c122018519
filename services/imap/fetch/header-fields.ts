// HEADER.FIELDS and HEADER.FIELDS.NOT: some fields of a header, byte for byte (RFC 9051 section 6.4.5.1).
import { blockFields } from '#shared/mail/mime/header-block.ts';
import type { HeaderIndex } from '#shared/mail/mime/parsed-message.ts';

/** Octets of a header in which fields are looked for. */
export const MOST_HEADER = 1024 * 1024;
/** RFC 9051 section 6.4.5.1: the empty line at the end is always part of the answer. */
const EMPTY_LINE = Buffer.from('\r\n');
const MOST_FIELDS = 100_000;

/** The answer from a header that was read. `not`: the fields that are not named. */
export function selectFields(header: Buffer, names: readonly string[], not: boolean): Buffer {
  const wanted = lowerCase(names);
  const fields = blockFields(header, MOST_FIELDS).filter(({ name }) => wanted.has(name) !== not);
  return Buffer.concat([...fields.flatMap(({ octets }) => [octets, ...endOf(octets)]), EMPTY_LINE]);
}

/** The answer from what is kept with the message; null when a field named is not, and the header must be read. */
export function keptFields(own: Buffer, { kept, left }: HeaderIndex, names: readonly string[]): Buffer | null {
  const wanted = lowerCase(names);
  if (left.some((name) => name === '*' || wanted.has(name))) return null;
  const found = kept.filter((field) => wanted.has(nameOf(field)));
  const ours = selectFields(own, names, false).subarray(0, -EMPTY_LINE.length);
  return Buffer.concat([ours, Buffer.from(`${found.join('')}\r\n`)]);
}

function lowerCase(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map((name) => name.toLowerCase()));
}

function nameOf(field: string): string {
  return field.slice(0, field.indexOf(':')).trimEnd().toLowerCase();
}

/** A field that the content ended before its line did. */
function endOf(octets: Buffer): readonly Buffer[] {
  return octets.at(-1) === 0x0a ? [] : [EMPTY_LINE];
}
