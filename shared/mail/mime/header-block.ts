// A header block (RFC 5322 section 2.2) as fields with their octets. Pure; a line that is no field is skipped.
import { endOfField, unfold } from '../header.ts';
import { decodeUntold } from './charset.ts';

export interface BlockField {
  /** Lower case. */
  readonly name: string;
  /** The whole field: name, colon, value, line ends. */
  readonly octets: Buffer;
  /** Octets before the value. */
  readonly valueAt: number;
}

const COLON = 58;

/** The fields in order. Reads at most `most`. */
export function blockFields(block: Buffer, most = 2000): BlockField[] {
  const fields: BlockField[] = [];
  for (let start = 0; start < block.length && fields.length < most; ) {
    const end = endOfField(block, start);
    const colon = block.indexOf(COLON, start);
    if (colon > start && colon < end) {
      const name = block.toString('latin1', start, colon).trimEnd().toLowerCase();
      if (/^[!-9;-~]+$/.test(name)) fields.push({ name, octets: block.subarray(start, end), valueAt: colon + 1 - start });
    }
    start = end;
  }
  return fields;
}

/** The value unfolded and trimmed, as text (RFC 6532, or what was probably meant). */
export function fieldText(field: BlockField): string {
  return unfold(decodeUntold(field.octets.subarray(field.valueAt)));
}
