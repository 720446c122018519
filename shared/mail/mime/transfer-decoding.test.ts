import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTransfer, transferDecoder } from './transfer-decoding.ts';

async function decoded(encoding: string, ...pieces: (string | Buffer)[]): Promise<string> {
  async function* source(): AsyncGenerator<Buffer> {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const out: Buffer[] = [];
  for await (const piece of decodeTransfer(source(), encoding) ?? []) out.push(piece);
  return Buffer.concat(out).toString('latin1');
}

describe('quoted-printable (RFC 2045 section 6.7)', () => {
  test.each([
    ['a=3Db=\r\nc', 'a=bc'],
    ['soft with padding= \t\r\nx', 'soft with paddingx'],
    ['trailing \t \r\nnext \n', 'trailing\r\nnext\n'],
    ['lower =c3=bc', 'lower \xc3\xbc'],
    ['wrong =ZZ = =4', 'wrong =ZZ = =4'],
    ['ends with =', 'ends with '],
  ])('%j', async (input, output) => {
    expect(await decoded('Quoted-Printable', input)).toBe(output);
    expect(await decoded('quoted-printable', ...input.split(''))).toBe(output);
  });
});

describe('base64 (RFC 2045 section 6.8)', () => {
  test('line ends and foreign octets are skipped, runs may be joined, a rest is taken', async () => {
    expect(await decoded('BASE64', 'YWJj\r\n*ZGVm\n')).toBe('abcdef');
    expect(await decoded('base64', 'YQ==YmM=ZGVm')).toBe('abcdef');
    expect(await decoded('base64', 'YWJjZA')).toBe('abcd');
  });
});

test('other encodings: identity, or not known', async () => {
  for (const identity of ['7bit', '8BIT', 'binary', '']) expect(await decoded(identity, 'a=3D ')).toBe('a=3D ');
  expect(transferDecoder('x-uuencode')).toBeNull();
});

test('pieces do not matter, and the state between them stays small', () => {
  const text = fc
    .array(fc.constantFrom('=', ' ', '\t', '\r\n', '\r', '\n', 'a', 'F', '3', '+', '/', '=3D', '='.repeat(3), ' '.repeat(50)), { maxLength: 80 })
    .map((parts) => Buffer.from(parts.join('')));
  fc.assert(
    fc.property(fc.constantFrom('base64', 'quoted-printable'), text, fc.integer({ min: 1, max: 5 }), (encoding, input, size) => {
      const whole = transferDecoder(encoding);
      const pieced = transferDecoder(encoding);
      if (!whole || !pieced) throw new Error('unknown');
      const expected = Buffer.concat([whole.write(input), whole.end()]);
      const out: Buffer[] = [];
      for (let at = 0; at < input.length; at += size) out.push(Buffer.from(pieced.write(input.subarray(at, at + size))));
      out.push(pieced.end());
      expect(Buffer.concat(out).toString('latin1')).toBe(expected.toString('latin1'));
    }),
    { numRuns: 1000 },
  );
});

test('any octets come back from base64', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
      const lines = Buffer.from(octets).toString('base64').replace(/.{76}/g, '$&\r\n');
      const decoder = transferDecoder('base64');
      expect(Buffer.concat([decoder?.write(Buffer.from(lines)) ?? Buffer.alloc(0), decoder?.end() ?? Buffer.alloc(0)])).toEqual(Buffer.from(octets));
    }),
  );
});
