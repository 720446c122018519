// Transparency, for any content in any chunks, against a receiver that follows RFC 5321 section 4.5.2 to the letter.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DotStuffer } from './dot-stuffing.ts';

function send(chunks: readonly Buffer[]): string {
  const stuffer = new DotStuffer();
  return Buffer.concat([...chunks.map((chunk) => stuffer.push(chunk)), stuffer.end()]).toString('latin1');
}

/** What the receiver has: lines up to the one that is a dot alone, with leading dots undone. */
function receive(wire: string): { readonly content: string; readonly rest: string } {
  const end = wire.startsWith('.\r\n') ? 0 : wire.indexOf('\r\n.\r\n') + 2;
  const content = wire.slice(0, end).replace(/^\.|(?<=\r\n)\./g, '');
  return { content, rest: wire.slice(end + 3) };
}

const pieces = fc.array(fc.constantFrom('a', '.', '..', '\r\n', '\r', '\n', '\r\n.\r\n', '\n.\n', '\xe9', 'text'), { maxLength: 30 });

test('any content, cut anywhere, arrives with each line end as CR LF', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(60)), (parts, cuts) => {
      const content = Buffer.from(parts.join(''), 'latin1');
      const edges = [0, ...cuts.filter((cut) => cut < content.length).sort((a, b) => a - b), content.length];
      const wire = send(edges.slice(1).map((edge, at) => content.subarray(edges[at], edge)));
      const lines = content.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n');
      const whole = lines === '' || lines.endsWith('\r\n') ? lines : `${lines}\r\n`;
      expect(receive(wire)).toEqual({ content: whole, rest: '' });
      expect(wire).not.toMatch(/\r(?!\n)|(?<!\r)\n/);
    }),
    { numRuns: 500 },
  );
});

test('content without a dot at the start of a line is not copied', () => {
  const content = Buffer.from('Subject: x\r\n\r\na. b.\r\n');
  expect(new DotStuffer().push(content)).toBe(content);
});

test('the known smuggling sequences do not end the content', () => {
  for (const sequence of ['\n.\n', '\n.\r\n', '\r.\r', '\r\n.\r', '\r.\n', '\r\n.\n', '\r\n\0.\r\n', '\r\n.\r\n']) {
    const wire = send([Buffer.from(`a${sequence}MAIL FROM:<x@example.org>\r\n`)]);
    expect(receive(wire).rest, JSON.stringify(sequence)).toBe('');
  }
});
