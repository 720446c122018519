// Chooses the fields of a message's header that are kept with it, for HEADER.FIELDS and SEARCH HEADER without reading the content. Pure.
import { isUtf8 } from 'node:buffer';
import { decodeWords } from './encoded-words.ts';
import { type BlockField, fieldText } from './header-block.ts';
import type { ParseLimits } from './parse-limits.ts';
import type { HeaderIndex } from './parsed-message.ts';

/** Written by machines for machines, long, and in every message. */
const TRACE =
  /^(?:(?:x-)?received(?:-spf)?|return-path|(?:x-google-)?dkim-signature|domainkey-signature|arc-.+|authentication-results(?:-original)?|x-ms-.+|x-microsoft-.+|x-forefront-.+|x-gm-.+|x-exchange-.+)$/;
/** Octets of one field that is kept: four lines of the longest kind. */
const MOST_FIELD = 4096;
const MOST_LEFT = 200;

/** `complete`: the fields are all that the header has. */
export function indexHeader(fields: readonly BlockField[], complete: boolean, limits: ParseLimits): HeaderIndex {
  const kept: string[] = [];
  const left = new Set<string>(complete ? [] : ['*']);
  let room = limits.fields;
  for (const { name, octets } of fields) {
    if (!TRACE.test(name) && octets.length <= Math.min(room, MOST_FIELD) && !octets.includes(0) && isUtf8(octets)) {
      kept.push(octets.toString('utf8'));
      room -= octets.length;
    } else if (left.size < MOST_LEFT && name.length <= 256) left.add(name);
    else left.add('*');
  }
  return { kept, left: [...left] };
}

/** The fields that are kept, decoded, `Name: value` a line. */
export function headerText(fields: readonly BlockField[]): string {
  return fields
    .filter(({ name }) => !TRACE.test(name))
    .map((field) => `${field.octets.toString('latin1', 0, field.valueAt - 1).trimEnd()}: ${decodeWords(fieldText(field))}`)
    .join('\n');
}
