import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, asciiAddress, canonicalAddress, canonicalDomain, domainOf, formatAddress, parseAddress } from './address.ts';
import { anyText } from './testing/any-text.ts';

function parse(text: string): Address {
  const result = parseAddress(text);
  if (!result.ok) throw new Error(`${text}: ${result.problem.text}`);
  return result.value;
}

function problem(text: string): string | null {
  const result = parseAddress(text);
  return result.ok ? null : result.problem.kind;
}

interface Vector {
  id: string;
  address: string;
  category: string;
  diagnosis: string;
}

/** The isemail vectors; U+2400 and on stand for controls there. */
function vectors(): Vector[] {
  const xml = readFileSync(new URL('./testdata/isemail/tests.xml', import.meta.url), 'utf8').replace(/<!--[\s\S]*?-->/g, '');
  const named: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
  return [...xml.matchAll(/<test id="(\d+)">([\s\S]*?)<\/test>/g)].map(([, id = '', body = '']) => {
    const inside = (tag: string) => new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(body)?.[1] ?? '';
    const address = inside('address')
      .replace(/&#x([0-9A-Fa-f]+);/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
      .replace(/&(\w+);/g, (_, name: string) => named[name] ?? '?')
      .replace(/[\u2400-\u241F]/g, (picture) => String.fromCharCode(picture.charCodeAt(0) - 0x2400));
    return { id, address, category: inside('category'), diagnosis: inside('diagnosis') };
  });
}

describe('isemail vectors', () => {
  const mailboxes = new Set(['ISEMAIL_VALID_CATEGORY', 'ISEMAIL_DNSWARN', 'ISEMAIL_RFC5321']);
  // Longer than the least that RFC 5321 section 4.5.3.1 promises, and no reason to refuse (see MAX_LOCAL_PART); and an
  // IPv6 literal that shortens one group, which RFC 5952 discourages and everybody reads.
  const lenient = new Set(['ISEMAIL_RFC5322_LOCAL_TOOLONG', 'ISEMAIL_RFC5322_TOOLONG', 'ISEMAIL_RFC5321_IPV6DEPRECATED']);

  test('are all there', () => expect(vectors()).toHaveLength(164));

  test.each(vectors())('$id $diagnosis $address', ({ address, category, diagnosis }) => {
    expect(parseAddress(address).ok).toBe(mailboxes.has(category) || lenient.has(diagnosis));
  });
});

describe('internationalised mailboxes (RFC 6531 section 3.3)', () => {
  test.each(['用户@例子.广告', 'Dörte@Sörensen.example', 'θσερ@εχαμπλε.ψομ', '"有 空"@example.org', 'a@xn--fsqu00a.example'])('%s parses', (text) => {
    expect(formatAddress(parse(text))).toBe(text);
  });

  test.each([
    ['a\u0085b@example.org', 'a C1 control'],
    ['a\u2028b@example.org', 'a line separator'],
    ['a\uFFFDb@example.org', 'what broken UTF-8 decodes to'],
    ['a\uD800b@example.org', 'half a character'],
    ['a@１.２.３.４', 'full-width digits that become an address'],
    ['a@ex%ample.例子', 'a percent sign beside a U-label'],
    ['a@例..example', 'an empty label'],
    ['a@例_字.example', 'an underscore'],
  ])('%j does not: %s', (text) => expect(problem(text)).toBe('syntax'));
});

test('postmaster stands alone, whatever its case (RFC 5321 section 4.1.1.3)', () => {
  expect(parse('PostMaster')).toEqual({ localPart: 'PostMaster', domain: '' });
  expect(canonicalAddress(parse('PostMaster'))).toBe('postmaster');
  expect(problem('abuse')).toBe('syntax');
});

test('limits: 255 octets each for local-part and domain, 63 for a label', () => {
  expect(problem(`${'a'.repeat(255)}@example.org`)).toBeNull();
  expect(problem(`${'a'.repeat(256)}@example.org`)).toBe('too-long');
  expect(problem(`${'ä'.repeat(128)}@example.org`)).toBe('too-long');
  expect(problem(`a@${'a.'.repeat(127)}a`)).toBeNull();
  expect(problem(`a@${'a.'.repeat(127)}aa`)).toBe('too-long');
  expect(problem(`a@${'a'.repeat(63)}.org`)).toBeNull();
  expect(problem(`a@${'a'.repeat(64)}.org`)).toBe('syntax');
});

test.each([
  ['Alice@Example.ORG', 'alice@example.org'],
  ['"alice"@example.org', 'alice@example.org'],
  ['"al\\ice"@example.org', 'alice@example.org'],
  ['"A b"@example.org', '"a b"@example.org'],
  ['a@[IPv6:2001:DB8::1]', 'a@[ipv6:2001:db8::1]'],
  ['a@BÜCHER.example', 'a@xn--bcher-kva.example'],
  ['a@bücher.example', 'a@xn--bcher-kva.example'],
  ['a@例子。广告', 'a@xn--fsqu00a.xn--4rr70v'],
  ['A\u030A@example.org', '\u00E5@example.org'],
])('%s compares as %s', (text, canonical) => expect(canonicalAddress(parse(text))).toBe(canonical));

test('the US-ASCII form has A-labels (RFC 5890 section 2.3.2.1), and exists only for an ASCII local-part', () => {
  expect(asciiAddress(parse('Bob@bücher.example'))).toBe('Bob@xn--bcher-kva.example');
  expect(asciiAddress(parse('bob@Example.org'))).toBe('bob@Example.org');
  expect(asciiAddress(parse('bób@example.org'))).toBeNull();
});

test('domainOf reads the domain behind a quoted @', () => {
  expect(domainOf('"a@b"@Example.org')).toBe('example.org');
  expect(domainOf('postmaster')).toBe('');
  expect(domainOf('')).toBe('');
});

test('a control is never written', () => {
  expect(() => formatAddress({ localPart: 'a\r\nRCPT TO:<b>', domain: 'example.org' })).toThrow();
});

describe('properties', () => {
  const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/);
  const domain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
  const localPart = fc.stringMatching(/^[ -~äßπ字]{0,60}$/u);

  test('what is written is read back', () => {
    fc.assert(
      fc.property(localPart, domain, (local, name) => {
        expect(parse(formatAddress({ localPart: local, domain: name }))).toEqual({ localPart: local, domain: name });
      }),
    );
  });

  test('the canonical form is a fixed point and equal for both cases', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-zA-Z ."\\]{1,30}$/), domain, (localPart, name) => {
        const once = canonicalAddress({ localPart, domain: name });
        expect(canonicalAddress(parse(once))).toBe(once);
        expect(canonicalAddress({ localPart: localPart.toUpperCase(), domain: name.toUpperCase() })).toBe(once);
      }),
    );
  });

  test('no input throws, and nothing accepted holds a control, an angle bracket outside quotes, or a bare @', () => {
    const texts = fc.oneof(anyText(80), fc.stringMatching(/^[a@."\\<>\r\n [\]:0-9ä-]{1,30}$/u));
    fc.assert(
      fc.property(texts, (text) => {
        const result = parseAddress(text);
        if (!result.ok) return;
        const written = formatAddress(result.value);
        expect(written).not.toMatch(/\p{Cc}/u);
        expect(written.replace(/"(?:[^"\\]|\\.)*"/g, 'q')).toMatch(/^[^@<>\s]+(?:@[^@<>\s]+)?$/u);
      }),
      { numRuns: 500 },
    );
  });

  test('canonicalDomain never throws', () => {
    fc.assert(fc.property(anyText(), (text) => void canonicalDomain(text)));
  });
});
