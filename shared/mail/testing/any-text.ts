// Hostile text for property tests: any UTF-16 units, ASCII and its controls often. (fc.string({ unit: 'binary' }) costs a second to build.)
import fc from 'fast-check';

/** Texts of up to `maxLength` units, halves of characters among them. */
export function anyText(maxLength = 60): fc.Arbitrary<string> {
  const unit = fc.oneof(fc.nat(0x7f), fc.nat(0xffff));
  return fc.array(unit, { maxLength }).map((units) => String.fromCharCode(...units));
}
