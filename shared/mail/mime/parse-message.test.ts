import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import PostalMime from 'postal-mime';
import { describe, expect, test } from 'vitest';
import { eventually } from '#shared/testing/eventually.ts';
import { decodeWords } from './encoded-words.ts';
import { DEFAULT_LIMITS, WITHOUT_TEXT } from './parse-limits.ts';
import { MessageParser, parseMessage } from './parse-message.ts';
import type { ParsedMessage, Part } from './parsed-message.ts';
import { watchLoop } from './testing/loop-watch.ts';

const message = (...lines: string[]): Buffer => Buffer.from(lines.join('\r\n'));
const parse = (...lines: string[]): Promise<ParsedMessage> => parseMessage(message(...lines));
const bodyOf = (content: Buffer, part: Part | undefined): string => (part ? content.toString('latin1', part.body, part.body + part.size) : 'no part');

async function* inPieces(content: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < content.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield content.subarray(at, at + size);
    at += size;
  }
}

/** Parts that lie outside their parent, or over their neighbour. */
function misplaced(part: Part, total: number): Part[] {
  const end = part.body + part.size;
  const inside = part.parts ?? (part.msg ? [part.msg.root] : []);
  const wrong = inside.filter(({ head, body, size }, index) => {
    const before = inside[index - 1];
    return head < part.body || body < head || body + size > end || (before && head < before.body + before.size);
  });
  return [...(end > total || part.head > part.body ? [part] : []), ...wrong, ...inside.flatMap((child) => misplaced(child, total))];
}

describe('structure', () => {
  test('a message without MIME is one text/plain part', async () => {
    const content = message('Subject: x', '', 'one', 'two', '');
    const { index, search } = await parseMessage(content);
    expect(index.root).toEqual({ head: 0, body: 14, size: 10, lines: 2 });
    expect(bodyOf(content, index.root)).toBe('one\r\ntwo\r\n');
    expect(search.body).toBe('one\r\ntwo');
    expect(index.cut).toBeUndefined();
  });

  test('the line end before a delimiter belongs to it (RFC 2046 section 5.1.1)', async () => {
    const content = message(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      'preamble',
      '--b',
      '',
      'one',
      '',
      '--b  ',
      'Content-Type: text/html',
      '',
      '--b--',
      'epilogue',
    );
    const { root } = (await parseMessage(content)).index;
    expect(root.parts?.map((part) => bodyOf(content, part))).toEqual(['one\r\n', '']);
    expect(root.parts?.map(({ lines }) => lines)).toEqual([1, undefined]);
    expect(bodyOf(content, root).endsWith('epilogue')).toBe(true);
  });

  test('a boundary that begins with another one, and a part without an empty line', async () => {
    const { index } = await parse(
      'Content-Type: multipart/mixed; boundary=ab',
      '',
      '--ab',
      'Content-Type: multipart/alternative; boundary="abc"',
      '',
      '--abc',
      '',
      'x',
      '--abc',
      'Content-Type: text/html',
      '--abc--',
      '--ab--',
      '',
    );
    expect(index.root.parts).toHaveLength(1);
    expect(index.root.parts?.[0]?.parts?.map(({ type, size }) => [type, size])).toEqual([
      [undefined, 1],
      ['text/html', 0],
    ]);
  });

  test('an inner multipart that is not closed ends with the outer one', async () => {
    const { index } = await parse(
      'Content-Type: multipart/mixed; boundary=o',
      '',
      '--o',
      'Content-Type: multipart/mixed; boundary=i',
      '',
      '--i',
      '',
      'inner',
      '--o',
      '',
      'outer',
      '--o--',
      '',
    );
    expect(index.root.parts?.map(({ parts, size }) => [parts?.length, size])).toEqual([
      [1, 12],
      [undefined, 5],
    ]);
  });

  test('a nested message has its own envelope, lines and offsets; one in base64 is not looked into', async () => {
    const content = message(
      'Content-Type: multipart/digest; boundary=b',
      '',
      '--b',
      '',
      'Subject: in',
      '',
      'text',
      '--b',
      'Content-Transfer-Encoding: base64',
      '',
      'U3ViamVjdDog',
      '--b--',
    );
    const [first, second] = (await parseMessage(content)).index.root.parts ?? [];
    expect(first).toMatchObject({ type: 'message/rfc822', lines: 2, msg: { env: { subject: 'in' } } });
    expect(bodyOf(content, first?.msg?.root)).toBe('text');
    expect(second?.type).toBe('message/rfc822');
    expect(second?.msg).toBeUndefined();
  });

  test('what the fields of a part say (RFC 2183, RFC 3282)', async () => {
    const { index } = await parse(
      'Content-Type: APPLICATION/Pdf (a comment); name="a \\"b\\" c"; x=y z (no)',
      'Content-Disposition: attachment;',
      "  filename*0*=utf-8'de'%C3%BC;",
      '  filename*1="b c"; filename*2*=%2e.pdf; size=10',
      'Content-Language: de, en',
      'Content-ID: <1@x>',
      'Content-Description: =?utf-8?Q?=C3=BC?=',
      'Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==',
      'Content-Location: http://x/',
      'Content-Transfer-Encoding: BASE64',
      '',
      '',
    );
    expect(index.root).toEqual({
      type: 'APPLICATION/Pdf',
      params: ['name', 'a "b" c', 'x', 'y z'],
      disp: ['attachment', ['filename*', "utf-8'de'%C3%BCb%20c%2e.pdf", 'size', '10']],
      lang: ['de', 'en'],
      id: '<1@x>',
      desc: '=?utf-8?Q?=C3=BC?=',
      md5: 'Q2hlY2sgSW50ZWdyaXR5IQ==',
      loc: 'http://x/',
      enc: 'BASE64',
      head: 0,
      body: index.root.body,
      size: 0,
    });
  });

  test('a type that cannot be read, or a multipart without a boundary, is text/plain (RFC 2045 section 5.2)', async () => {
    for (const type of ['text', '/', 'multipart/mixed', 'multipart/mixed; boundary=" "', ';;;']) {
      const { index } = await parse(`Content-Type: ${type}`, '', 'x');
      expect(index.root.type, type).toBeUndefined();
      expect(index.root.parts, type).toBeUndefined();
    }
  });
});

describe('envelope, sort and thread keys', () => {
  test('addresses, groups, routes and comments (RFC 9051 section 7.5.2)', async () => {
    const { index, search, sort } = await parse(
      'From: =?utf-8?Q?J=C3=BCrgen?= X <j@x.org>',
      'Sender: s@x.org (The Sender)',
      'To: Friends: a@b.c, "Q, R" <"q r"@d.e>;, root',
      'Cc: <@hop1,@hop2:u@h>, half < x @ y . z >',
      'cc: second@field',
      'Bcc: ;',
      'Subject: =?iso-8859-1?Q?=E4?=',
      '\t=?iso-8859-1?Q?_b?= c',
      '',
      '',
    );
    expect(index.env).toEqual({
      from: [['=?utf-8?Q?J=C3=BCrgen?= X', 'j', 'x.org']],
      sender: [['The Sender', 's', 'x.org']],
      to: [
        [null, 'Friends', null],
        [null, 'a', 'b.c'],
        ['Q, R', 'q r', 'd.e'],
        [null, null, null],
        [null, 'root', ''],
      ],
      cc: [
        [null, 'u', 'h', '@hop1@hop2'],
        ['half', 'x', 'y.z'],
        [null, 'second', 'field'],
      ],
      subject: '=?iso-8859-1?Q?=E4?=\t=?iso-8859-1?Q?_b?= c',
    });
    expect(search).toMatchObject({ from: 'Jürgen X <j@x.org>', subject: 'ä b c', to: 'Friends:, a@b.c, Q, R <q r@d.e>, root' });
    expect(sort).toEqual({ subject: 'Ä B C', from: 'J', to: 'FRIENDS', cc: 'U' });
  });

  test('date, message ids and references', async () => {
    const { sort, thread } = await parse(
      'Date: Wed, 01 Nov 2023 00:30:00 +0200 (EET)',
      'Message-ID: <"a b"@x>',
      'References: <1@x>',
      ' <2@x>',
      'In-Reply-To: <3@x>',
      'Subject: Re: hi',
      '',
      '',
    );
    expect(sort.sent).toEqual({ at: Date.UTC(2023, 9, 31, 22, 30), day: Date.UTC(2023, 10, 1) / 86_400_000 });
    expect(thread).toEqual({ id: 'ab@x', references: ['1@x', '2@x'], reply: true });
    expect((await parse('In-Reply-To: your message <3@x> <4@x>', '', '')).thread).toEqual({ references: ['3@x'], reply: false });
  });

  test('8-bit header text is UTF-8, or what was meant', async () => {
    expect((await parse('Subject: grün', '', '')).search.subject).toBe('grün');
    expect((await parseMessage(Buffer.from('Subject: grün\r\n\r\n', 'latin1'))).search.subject).toBe('grün');
  });
});

describe('header index and search text', () => {
  test('small fields are kept byte for byte, trace fields by name', async () => {
    const { index } = await parse('Received: from a', 'Subject : a', ' b', 'X-Own: y', `X-Long: ${'z'.repeat(5000)}`, '', 'Not: me');
    expect(index.fields).toEqual({ kept: ['Subject : a\r\n b\r\n', 'X-Own: y\r\n'], left: ['received', 'x-long'] });
  });

  test('text is decoded from its encoding and charset, HTML without its tags, names of attachments with it', async () => {
    const { search } = await parse(
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'H=E4llo W=',
      '=F6rld',
      '--b',
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: base64',
      '',
      Buffer.from('<style>no</style><p>Gr&uuml;<b>n</b></p><!-- no -->kräftig&#33;').toString('base64'),
      '--b',
      'Content-Type: application/pdf',
      "Content-Disposition: attachment; filename*=utf-8''r%C3%A9sum%C3%A9.pdf",
      '',
      'JVBERi0=',
      '--b--',
    );
    expect(search.body).toBe('Hällo Wörld\nGrün kräftig!\nrésumé.pdf');
  });
});

describe('limits', () => {
  test('a million parts: the first are read, the rest is content of the last, and the loop is not blocked', async () => {
    const content = Buffer.from(`Content-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(1_000_000)}--b--\r\n`);
    using loop = watchLoop();
    const { index } = await parseMessage(content);
    expect(index.cut).toBe(true);
    expect(index.root.parts).toHaveLength(DEFAULT_LIMITS.parts - 1);
    const lastPart = index.root.parts?.at(-1);
    expect((lastPart?.body ?? 0) + (lastPart?.size ?? 0)).toBe(content.length);
    expect(JSON.stringify(index).length).toBeLessThan(1_000_000);
    expect(loop.worst).toBeLessThan(100);
  });

  test('a message nested 100 deep is read to the end, one deeper to the limit', async () => {
    const nested = (levels: number): Buffer => {
      const headers = Array.from({ length: levels - 1 }, (_, level) => `Subject: ${level}\r\nContent-Type: message/rfc822\r\n\r\n`);
      return Buffer.from(`${headers.join('')}Subject: innermost\r\n\r\ntext`);
    };
    const depth = (part: Part): number => 1 + Math.max(0, ...(part.parts ?? (part.msg ? [part.msg.root] : [])).map(depth));
    const whole = await parseMessage(nested(100));
    expect(depth(whole.index.root)).toBe(100);
    expect(whole.index.cut).toBeUndefined();
    expect(whole.search.body).toContain('innermost\ntext');
    const deeper = await parseMessage(nested(5000));
    expect(depth(deeper.index.root)).toBe(100);
    expect(deeper.index.cut).toBe(true);
  });

  test('multiparts nested deep stop at the limit too', async () => {
    const opened = Array.from({ length: 300 }, (_, level) => `Content-Type: multipart/mixed; boundary=b${level}x\r\n\r\n--b${level}x\r\n`);
    const { index } = await parseMessage(Buffer.from(`${opened.join('')}\r\ntext`));
    expect(index.cut).toBe(true);
    expect(JSON.stringify(index).split('"parts"').length - 1).toBe(99);
  });

  test('headers, parameters, addresses and texts beyond their limits are left out, and it is said', async () => {
    const long = [
      `Subject: ${'s'.repeat(10_000)}`,
      `To: ${'a@b.c, '.repeat(5000)}`,
      `Content-Type: text/plain;${Array.from({ length: 500 }, (_, n) => ` p${n}=v`).join(';')}`,
      'X-Filler: '.padEnd(300_000, 'x'),
    ];
    for (const field of long) {
      const { index } = await parse(field, 'X-Last: 1', '', 'body');
      expect(index.cut, field.slice(0, 20)).toBe(true);
      expect(JSON.stringify(index).length, field.slice(0, 20)).toBeLessThan(150_000);
      expect(index.root.size).toBe(4);
    }
  });
});

test('memory stays bounded while content without end streams by', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held = (): number => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const MB = 1024 * 1024;
  const multipart = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n';
  const endless = [
    ['', 'x'.repeat(MB)],
    ['', `X-Field: ${'y'.repeat(980)}\r\n`.repeat(1000)],
    ['', `To: ${'a@b, '.repeat(190)}\r\n`.repeat(1000)],
    [multipart, '--b\r\nContent-Type: text/plain; name="a long name"\r\n\r\nx\r\n'.repeat(16_000)],
    [multipart, '--'.repeat(MB / 2)],
    [multipart, '\r\n-'.repeat(300_000)],
    ['Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n', 'PGI+'.repeat(MB / 4)],
    ['Content-Transfer-Encoding: quoted-printable\r\n\r\n', '= '.repeat(MB / 2)],
  ];
  for (const [start = '', piece = ''] of endless) {
    const parser = new MessageParser();
    await parser.write(Buffer.from(start));
    const before = held();
    for (let i = 0; i < 12; i++) await parser.write(Buffer.from(piece));
    // Buffers that were collected are freed in the background.
    await eventually(() => expect(held() - before, piece.slice(0, 40)).toBeLessThan(8 * MB));
    expect(JSON.stringify(parser.end()).length).toBeLessThan(4 * MB);
  }
});

describe('any content', () => {
  const line = fc.oneof(
    fc.constantFrom(
      '\0',
      'Subject: =?utf-8?Q?=00?=',
      '--a',
      '--a--',
      '--b',
      '--b--',
      '--ab',
      '',
      '',
      ' folded',
      'text',
      '=?utf-8?B?w7w=?=',
      'Content-Transfer-Encoding: base64',
      'w7w=',
      '=C3=BC=',
    ),
    fc.constantFrom(
      'Content-Type: multipart/mixed; boundary=a',
      'Content-Type: multipart/digest; boundary="b"',
      'Content-Type: message/rfc822',
      'Content-Type: multipart/x; boundary=ab',
    ),
    fc.constantFrom(
      'From: a <b@c>, d: e;',
      'Subject: Re: [x] y (fwd)',
      'Content-Type: text/html',
      "Content-Disposition: attachment; filename*0*=''%41; filename*1=b",
    ),
    fc.string({ maxLength: 20 }),
  );
  const content = fc
    .tuple(fc.array(fc.tuple(line, fc.constantFrom('\r\n', '\r\n', '\r\n', '\n', '\r')), { maxLength: 40 }), fc.uint8Array({ maxLength: 30 }))
    .map(([lines, octets]) => Buffer.concat([Buffer.from(lines.map(([text, end]) => text + end).join('')), octets]));

  test('is read the same whole and in pieces, lies in place, and survives JSON', async () => {
    await fc.assert(
      fc.asyncProperty(content, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 5 }), async (octets, sizes) => {
        const whole = await parseMessage(octets);
        expect(await parseMessage(inPieces(octets, sizes))).toEqual(whole);
        expect((await parseMessage(octets, WITHOUT_TEXT)).index).toEqual(whole.index);
        expect(misplaced(whole.index.root, octets.length)).toEqual([]);
        expect(whole.index.root.body + whole.index.root.size).toBe(octets.length);
        const json = JSON.stringify(whole);
        expect(JSON.parse(json)).toEqual(whole);
        expect(json).not.toContain('\\u0000');
      }),
      { numRuns: 1500 },
    );
  });

  test('random octets keep the result small', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 4000 }), async (octets) => {
        const parsed = await parseMessage(Buffer.from(octets));
        expect(JSON.stringify(parsed).length).toBeLessThan(octets.length * 12 + 2000);
      }),
      { numRuns: 300 },
    );
  });
});

describe('as postal-mime reads it', () => {
  const word = fc.stringMatching(/^[A-Za-zäöüßé€ ]{1,12}$/).map((text) => text.replace(/ +/g, ' ').trim() || 'x');
  const address = fc.record({ name: word, local: fc.stringMatching(/^[a-z]{1,8}$/), host: fc.stringMatching(/^[a-z]{1,8}\.org$/) });
  const part = fc.record({ kind: fc.constantFrom('plain', 'html', 'pdf'), encoding: fc.constantFrom('base64', 'quoted-printable', '8bit'), text: word });
  const b64 = (text: string): string => Buffer.from(text).toString('base64');
  const quoted = (text: string): string => [...Buffer.from(text)].map((octet) => `=${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');
  const encoded = (text: string, encoding: string): string => (encoding === 'base64' ? b64(text) : encoding === '8bit' ? text : quoted(text));

  function compose(
    subject: string,
    to: readonly { name: string; local: string; host: string }[],
    parts: readonly { kind: string; encoding: string; text: string }[],
  ): Buffer {
    const bodies = parts.flatMap(({ kind, encoding, text }) => [
      '--=_b',
      kind === 'pdf' ? 'Content-Type: application/pdf' : `Content-Type: text/${kind}; charset=utf-8`,
      ...(kind === 'pdf' ? [`Content-Disposition: attachment; filename*=utf-8''${encodeURIComponent(text)}.pdf`] : []),
      `Content-Transfer-Encoding: ${encoding}`,
      '',
      encoded(text, encoding),
    ]);
    const list = to.map(({ name, local, host }) => `=?utf-8?B?${b64(name)}?= <${local}@${host}>`).join(',\r\n ');
    return message(
      `Subject: =?utf-8?Q?${quoted(subject)}?=`,
      `To: ${list}`,
      'Message-ID: <1@x>',
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary="=_b"',
      '',
      ...bodies,
      '--=_b--',
      '',
    );
  }

  test('subject, addresses, texts and attachments', async () => {
    await fc.assert(
      fc.asyncProperty(word, fc.array(address, { minLength: 1, maxLength: 4 }), fc.array(part, { minLength: 1, maxLength: 5 }), async (subject, to, parts) => {
        const content = compose(subject, to, parts);
        const ours = await parseMessage(content);
        const theirs = await PostalMime.parse(content);
        expect(ours.search.subject.trim()).toBe(theirs.subject);
        expect(ours.index.env.messageId).toBe(theirs.messageId);
        expect(ours.index.env.to?.map(([name, mailbox, host]) => ({ name: decodeWords(name ?? ''), address: `${mailbox}@${host}` }))).toEqual(theirs.to);
        const names = theirs.attachments.flatMap(({ filename }) => (filename ? [filename] : []));
        for (const name of names) expect(ours.search.body).toContain(name);
        for (const text of (theirs.text ?? '').split('\n').filter((each) => each.trim() !== '')) expect(ours.search.body).toContain(text.trim());
        expect(ours.index.root.parts).toHaveLength(parts.length);
      }),
      { numRuns: 200 },
    );
  });
});
