import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeBinary } from './encode-binary.ts';

async function encoded(message: Buffer, size = 7): Promise<string> {
  async function* pieces() {
    for (let at = 0; at < message.length; at += size) yield message.subarray(at, at + size);
  }
  const parts: Buffer[] = [];
  for await (const part of encodeBinary(pieces())) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
}

const head = (type: string, encoding = 'binary') => `Content-Type: ${type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n`;

test('RFC 3516 section 4.2: octets become base64, and the header says so', async () => {
  const message = `From: a@b\r\nContent-Transfer-Encoding: binary\r\nSubject: x\r\n\r\n\0\x01\r\n\xff\r\n`;
  expect(await encoded(Buffer.from(message, 'latin1'))).toBe(
    `From: a@b\r\nContent-Transfer-Encoding: base64\r\nSubject: x\r\n\r\n${Buffer.from('\0\x01\r\n\xff\r\n', 'latin1').toString('base64')}\r\n`,
  );
});

test('only the parts that need it change, at any depth', async () => {
  const inner = `${head('multipart/mixed; boundary="in ner"')}--in ner\r\n${head('text/plain', '7bit')}plain\r\n--in ner\r\n${head('image/png')}\0\r\n\r\n--in ner--\r\nafter\r\n`;
  const message = `${head('multipart/mixed; boundary=out')}before\r\n--out\r\n${head('message/rfc822')}${inner}--out\r\n\r\nno header\r\n--out--\r\n`;
  const wanted = message
    .replaceAll(/binary(?=\r\n\r\n(?:before|Content-Type: multipart|--in ner))/g, '8bit')
    .replace('binary', 'base64')
    .replace('\0\r\n\r\n--', 'AA0K\r\n--');
  expect(await encoded(Buffer.from(message))).toBe(wanted);
});

test('what is not binary passes untouched, however it is cut', async () => {
  const word = fc.constantFrom(
    '--b',
    '--b--',
    '\r\n',
    '\n',
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Type: message/rfc822',
    '\r\n\r\n',
    'x',
    ':',
    '\0',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 20 }), fc.integer({ min: 1, max: 30 }), async (words, size) => {
      const message = words.join('');
      expect(await encoded(Buffer.from(message), size)).toBe(message);
    }),
  );
});

test('any octets come back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 1, max: 100 }), async (octets, size) => {
      const text = await encoded(Buffer.concat([Buffer.from(head('a/b')), octets]), size);
      const body = text.slice(text.indexOf('\r\n\r\n') + 4);
      expect(Buffer.from(body, 'base64')).toEqual(Buffer.from(octets));
      expect(body).toMatch(/^(?:[\w+/=]{1,76}\r\n)*$/);
    }),
  );
});
