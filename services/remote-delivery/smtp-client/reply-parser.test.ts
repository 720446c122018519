// Replies, well-formed and not, cut anywhere.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_REPLY, MAX_REPLY_LINE, ReplyParser, ReplySyntaxError } from './reply-parser.ts';

const parse = (text: string) => new ReplyParser().push(Buffer.from(text));

describe('a reply', () => {
  test('on one line', () => {
    expect(parse('250 2.1.5 Ok\r\n')).toEqual([{ code: 250, enhanced: '2.1.5', lines: ['Ok'] }]);
  });

  test('on several lines, each with its enhanced code (RFC 2034 section 4)', () => {
    expect(parse('550-5.1.1 No such user\r\n550 5.1.1 Go away\r\n')).toEqual([{ code: 550, enhanced: '5.1.1', lines: ['No such user', 'Go away'] }]);
  });

  test('without text, with or without the space (RFC 5321 section 4.2)', () => {
    expect(parse('354\r\n250 \r\n')).toEqual([
      { code: 354, lines: [''] },
      { code: 250, lines: [''] },
    ]);
  });

  test('whose controls cannot reach a terminal or a log', () => {
    expect(parse('250 a\0b\x1b[31mc\u2028d\r\n')[0]?.lines).toEqual(['a?b?[31mc?d']);
  });

  test('ending in a bare LF, as some servers send', () => {
    expect(parse('220 hello\n')).toEqual([{ code: 220, lines: ['hello'] }]);
  });
});

describe('garbage ends the connection', () => {
  const garbage = ['HTTP/1.1 400 Bad Request\r\n', '\r\n', '99 x\r\n', '150 x\r\n', '650 x\r\n', '2500 x\r\n', '25x y\r\n', '250_x\r\n', '250-a\r\n251 b\r\n'];
  test.each(garbage)('%j', (text) => {
    expect(() => parse(text)).toThrow(ReplySyntaxError);
  });

  test('an endless line', () => {
    expect(() => parse('2'.repeat(MAX_REPLY_LINE + 1))).toThrow(ReplySyntaxError);
  });

  test('an endless reply', () => {
    const parser = new ReplyParser();
    const line = Buffer.from(`250-${'x'.repeat(1000)}\r\n`);
    expect(() => {
      for (let size = 0; size <= MAX_REPLY + 2000; size += line.length) parser.push(line);
    }).toThrow(ReplySyntaxError);
  });
});

const text = fc.stringMatching(/^[ -~]{0,40}$/).filter((value) => !/^[245]\.\d/.test(value));
const reply = fc.record({ code: fc.integer({ min: 200, max: 599 }), lines: fc.array(text, { minLength: 1, maxLength: 4 }) });

test('any replies, cut anywhere, come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 5 }), fc.array(fc.nat(200)), (replies, cuts) => {
      const wire = Buffer.from(
        replies.map(({ code, lines }) => lines.map((line, at) => `${code}${at === lines.length - 1 ? ' ' : '-'}${line}\r\n`).join('')).join(''),
      );
      const parser = new ReplyParser();
      const edges = [0, ...cuts.filter((cut) => cut < wire.length).sort((a, b) => a - b), wire.length];
      const parsed = edges.slice(1).flatMap((edge, at) => parser.push(wire.subarray(edges[at], edge)));
      expect(parsed).toEqual(replies);
      expect(parser.idle).toBe(true);
    }),
  );
});

test('any bytes give replies or a ReplySyntaxError, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        for (const { code, lines } of new ReplyParser().push(Buffer.from(bytes))) {
          expect(code).toBeGreaterThanOrEqual(200);
          expect(lines.join('')).not.toMatch(/[\r\n\0]/);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ReplySyntaxError);
      }
    }),
  );
});
