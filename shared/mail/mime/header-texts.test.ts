import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAddressList } from './address-list.ts';
import { baseSubject } from './base-subject.ts';
import { decodeCharset, isKnownCharset } from './charset.ts';
import { decodeWords, encodeWords } from './encoded-words.ts';
import { htmlText } from './html-text.ts';
import { parseDate } from './message-date.ts';
import { decodeParameter, parseParameters } from './parameters.ts';

describe('encoded words (RFC 2047 section 8)', () => {
  test.each([
    ['=?ISO-8859-1?Q?a?=', 'a'],
    ['=?ISO-8859-1?Q?a?= b', 'a b'],
    ['=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a?=  \t =?UTF-8?Q?b?=', 'ab'],
    ['=?ISO-8859-1?Q?a_b?=', 'a b'],
    ['=?US-ASCII*EN?Q?Keith_Moore?=', 'Keith Moore'],
    ['=?utf-8?B?w7w==?= =?nonsense?Q?=FC?=', 'üü'],
    ['=?utf-8?B?w?= =?utf-8?B?7w=?=', ''],
    ['=?utf-8?X?a?= =?broken', '=?utf-8?X?a?= =?broken'],
    ['=?koi8-r?B?8NLJ18XU?=', 'Привет'],
  ])('%s', (text, plain) => {
    if (plain) expect(decodeWords(text)).toBe(plain);
    else expect(() => decodeWords(text)).not.toThrow();
  });

  test('a character that is cut between two words is joined', () => {
    expect(decodeWords('=?utf-8?Q?a=C3?= =?utf-8?Q?=BC?=')).toBe('aü');
  });

  test('what is written is read back, in short ASCII words (RFC 2047 section 2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
        const written = encodeWords(text);
        expect(written).toMatch(/^[\x00-\x7F]*$/);
        if (written !== text) for (const word of written.split(' ')) expect(word.length).toBeLessThanOrEqual(75);
        if (!text.includes('=?')) expect(decodeWords(written)).toBe(text);
      }),
    );
  });
});

describe('parameters (RFC 2231)', () => {
  test('continuations and charsets', () => {
    const { value, params } = parseParameters(
      'application/x-stuff; title*0*=us-ascii\'en\'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20; title*2="isn\'t it!"; URL*0="ftp://"; URL*1="cs.utk.edu/"; n=1; N=2; =x; y',
    );
    expect(value).toBe('application/x-stuff');
    expect(decodeParameter(params, 'title')).toBe("This is even more ***fun*** isn't it!");
    expect(params).toEqual(expect.arrayContaining(['URL', 'ftp://cs.utk.edu/', 'n', '1']));
    expect(params).not.toContain('N');
  });

  test('a name in encoded words, against RFC 2047 section 5, is read', () => {
    expect(decodeParameter(parseParameters('attachment; filename="=?utf-8?Q?=C3=BC?=.pdf"').params, 'FILENAME')).toBe('ü.pdf');
    expect(decodeParameter([], 'filename')).toBeUndefined();
  });
});

describe('base subject (RFC 5256 section 2.1)', () => {
  test.each([
    ['hello', 'hello', false],
    ['Re: hello', 'hello', true],
    ['RE : Fwd: [list] re[2]:  hello  world (fwd) (fwd)', 'hello world', true],
    ['[list] hello', 'hello', false],
    ['[list] Re: [other] hello', 'hello', true],
    ['[fwd: Re: hello]', 'hello', true],
    ['[only a blob]', '[only a blob]', false],
    ['Re: [only a blob]', '[only a blob]', true],
    ['=?utf-8?Q?Re:_gr=C3=BCn?=', 'grün', true],
    ['Regarding: x', 'Regarding: x', false],
    ['Re:', '', true],
  ])('%s', (subject, base, reply) => {
    expect(baseSubject(subject)).toEqual({ base, reply });
  });

  test('taking it twice changes nothing', () => {
    const part = fc.constantFrom('re: ', 'Fwd:', '[x]', ' [y] ', '(fwd)', '[fwd: ', ']', 'a', ' ', 'fw [z] :');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const { base } = baseSubject(parts.join(''));
        expect(baseSubject(base)).toEqual({ base, reply: false });
      }),
    );
  });
});

describe('dates (RFC 5322 sections 3.3 and 4.3)', () => {
  test.each([
    ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06Z', '1997-11-21'],
    ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06Z', '1997-11-21'],
    ['Thu,      13\tFeb 1969 23:32 -0330 (Newfoundland Time)', '1969-02-14T03:02:00Z', '1969-02-13'],
    ['1 January 2024 00:00:00 EST', '2024-01-01T05:00:00Z', '2024-01-01'],
    ['Mon, 1 Jan 24 23:59:60 +0000', '2024-01-02T00:00:00Z', '2024-01-02'],
  ])('%s', (text, at, day) => {
    expect(parseDate(text)).toEqual({ at: Date.parse(at), day: Date.parse(day) / 86_400_000 });
  });

  test('what is no date', () => {
    for (const text of ['', 'yesterday', '32 Jan 2024 00:00:00 +0000', '1 Foo 2024 00:00:00 +0000', '1 Jan 2024 25:00:00 +0000'])
      expect(parseDate(text)).toBeUndefined();
  });
});

test('address lists without angle brackets, with broken quotes and domain literals', () => {
  expect(parseAddressList('John Doe jd@x.org, a . b @ c . d, x@[192.0.2.1], "unclosed <y@z>').addresses).toEqual([
    ['John Doe', 'jd', 'x.org'],
    [null, 'a.b', 'c.d'],
    [null, 'x', '[192.0.2.1]'],
    [null, 'unclosed <y@z>', ''],
  ]);
  expect(parseAddressList('<>, (only a comment), ,').addresses).toEqual([[null, '', '']]);
});

test('charsets', () => {
  expect(decodeCharset(Buffer.from([0x82, 0xa0]), 'Shift_JIS')).toBe('あ');
  expect(decodeCharset(Buffer.from('ü'), 'us-ascii')).toBe('ü');
  expect(decodeCharset(Buffer.from([0xfc]), 'no-such')).toBe('ü');
  expect([isKnownCharset('utf-8'), isKnownCharset('KOI8-R'), isKnownCharset('no-such')]).toEqual([true, true, false]);
});

test('the words of HTML', () => {
  expect(htmlText('<html><head><title>T</title><script>if (a<b) x("</p>")</script></head><body>a<br>b <i>c</i>d &lt;e&gt; 1 < 2 &nope; &#8364;</body>')).toBe(
    'T a b cd <e> 1 < 2 &nope; €',
  );
});

test('no text makes a reader throw or take long', () => {
  const hard = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('=?', '?=', '?Q?', '"', '\\', '(', '<', '@', ';', ':', '*0*=', '[fwd:', '<!--', '&#', "'"), { maxLength: 60 })
      .map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(hard, (text) => {
      decodeWords(text);
      decodeParameter(parseParameters(text).params, 'x');
      parseAddressList(text);
      baseSubject(text);
      parseDate(text);
      htmlText(text);
    }),
    { numRuns: 1000 },
  );
  const begun = process.cpuUsage();
  for (const unit of ['=?', '(', '"', '<', '[', '[a]', '(fwd)', '<script>', '&#1', ' ', '\t:', '*0=;', '=?a?Q?']) {
    const text = unit.repeat(Math.floor(60_000 / unit.length));
    decodeWords(text);
    parseParameters(text);
    parseAddressList(text);
    htmlText(text);
    baseSubject(text.slice(0, 4096));
  }
  expect(process.cpuUsage(begun).user).toBeLessThan(3_000_000);
});
