// Reading answers, honest and hostile, as bytes; sockets are dns-client.test.ts's matter.
import { type Answer, encode, type Packet } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeQuery, isQueryName, MAX_CNAMES, mixCase, type Question, readAnswer } from './dns-message.ts';

const question = { id: 7, name: 'Example.ORG', type: 'MX' } as const;
const RESPONSE = 0x0180;
const soa: Answer = { type: 'SOA', name: 'org', ttl: 900, data: { mname: 'ns.org', rname: 'h.org', serial: 1, refresh: 1, retry: 1, expire: 1, minimum: 300 } };
const mx = (exchange: string, ttl = 60): Answer => ({ type: 'MX', name: 'example.org', ttl, data: { preference: 5, exchange } });
const cname = (name: string, data: string, ttl = 60): Answer => ({ type: 'CNAME', name, ttl, data });

function response(packet: Packet): Buffer {
  return encode({ type: 'response', id: 7, flags: RESPONSE, questions: [{ name: question.name, type: 'MX' }], ...packet });
}
const read = (packet: Packet) => readAnswer(question, response(packet));

describe('an answer', () => {
  test('yields its records, whatever the case of their owner', () => {
    expect(read({ answers: [mx('mx.example.org')] })).toEqual({ kind: 'found', records: [{ preference: 5, exchange: 'mx.example.org' }], ttl: 60 });
  });

  test('has the least TTL of the chain (RFC 1034 section 3.6.2)', () => {
    const answers = [
      cname('example.org', 'a.example.net', 40),
      cname('a.example.net', 'b.example.net', 20),
      { ...mx('mx.example.org', 300), name: 'b.example.net' } as Answer,
    ];
    expect(read({ answers })).toMatchObject({ kind: 'found', ttl: 20 });
  });

  test('is negative with the TTL of the SOA and of its MINIMUM, the lesser (RFC 2308 section 5)', () => {
    expect(read({ authorities: [soa] })).toEqual({ kind: 'no-data', ttl: 300 });
    expect(read({ flags: RESPONSE | 3, authorities: [{ ...soa, ttl: 100 } as Answer] })).toEqual({ kind: 'no-such-name', ttl: 100 });
    expect(read({ flags: RESPONSE | 3 })).toEqual({ kind: 'no-such-name', ttl: null });
    expect(read({})).toEqual({ kind: 'no-data', ttl: null });
  });

  test('is negative for the end of an alias, no longer than the alias lives (RFC 2308 section 2.1)', () => {
    expect(read({ flags: RESPONSE | 3, answers: [cname('example.org', 'gone.example.net', 30)], authorities: [soa] })).toEqual({
      kind: 'no-such-name',
      ttl: 30,
    });
  });

  test('may leave the alias to us', () => {
    expect(read({ answers: [cname('example.org', 'next.example.net', 30)] })).toEqual({ kind: 'alias', target: 'next.example.net', ttl: 30 });
  });

  test('is no help as a referral, as SERVFAIL, or with an extended code (RFC 2308 section 2.2, RFC 6891 section 6.1.3)', () => {
    const ns: Answer = { type: 'NS', name: 'org', ttl: 1, data: 'ns.org' };
    const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 1, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
    expect(read({ authorities: [ns] })).toMatchObject({ kind: 'refused' });
    expect(read({ flags: RESPONSE | 2 })).toEqual({ kind: 'refused', diagnostic: 'SERVFAIL' });
    expect(read({ additionals: [opt] })).toEqual({ kind: 'refused', diagnostic: 'RCODE 16' });
    expect(read({ flags: RESPONSE | 1 })).toEqual({ kind: 'no-edns' });
    expect(read({ flags: RESPONSE | 0x200 })).toEqual({ kind: 'truncated' });
  });

  test('with a TTL beyond 31 bits counts as zero (RFC 2181 section 8)', () => {
    expect(read({ answers: [mx('mx.example.org', 0xffff_ffff)] })).toMatchObject({ kind: 'found', ttl: 0 });
  });
});

describe('a lie', () => {
  test('about the id or the question is passed over', () => {
    expect(read({ id: 8 })).toEqual({ kind: 'mismatch' });
    expect(read({ type: 'query' })).toEqual({ kind: 'mismatch' });
    expect(read({ questions: [] })).toEqual({ kind: 'mismatch' });
    expect(read({ questions: [{ name: question.name, type: 'A' }] })).toEqual({ kind: 'mismatch' });
    expect(read({ questions: [{ name: 'example.net', type: 'MX' }] })).toEqual({ kind: 'mismatch' });
    expect(read({ questions: [{ name: question.name, type: 'MX', class: 'CH' }] })).toEqual({ kind: 'mismatch' });
    expect(read({ questions: [{ name: 'example.org', type: 'MX' }] })).toEqual({ kind: 'case-mismatch' });
  });

  test('about other names is not believed', () => {
    expect(read({ answers: [{ ...mx('mx.evil.example'), name: 'evil.example' } as Answer], authorities: [soa] })).toMatchObject({ kind: 'no-data' });
    expect(read({ answers: [{ ...mx('mx.evil.example'), class: 'CH' } as Answer], authorities: [soa] })).toMatchObject({ kind: 'no-data' });
  });

  test('of aliases without end is refused', () => {
    expect(read({ answers: [cname('example.org', 'a.example'), cname('a.example', 'example.org')] })).toMatchObject({ kind: 'refused' });
    const long = Array.from({ length: MAX_CNAMES + 2 }, (_, at) => cname(at === 0 ? 'example.org' : `a${at}.example`, `a${at + 1}.example`));
    expect(read({ answers: long })).toMatchObject({ kind: 'refused' });
  });

  test('of compression pointers that lead to themselves or forward is malformed (RFC 1035 section 4.1.4)', () => {
    const honest = response({ answers: [mx('mx.example.org')] });
    const owner = response({}).length; // where the answer's owner name begins
    for (const target of [owner, owner + 2, 0x3fff]) {
      const pointer = Buffer.from([0xc0 | (target >> 8), target & 0xff]);
      const data = Buffer.concat([honest.subarray(0, owner), pointer, honest.subarray(owner + 13)]);
      expect(readAnswer(question, data)).toMatchObject({ kind: 'malformed' });
    }
  });

  test('about the number of records is malformed', () => {
    const data = response({});
    data.writeUInt16BE(0xffff, 6);
    expect(readAnswer(question, data)).toMatchObject({ kind: 'malformed' });
    data.writeUInt16BE(1, 6);
    expect(readAnswer(question, data)).toMatchObject({ kind: 'malformed' });
  });

  test('of any kind never throws and never takes long', () => {
    const honest = response({ answers: [mx('mx.example.org'), cname('a.example', 'b.example')], authorities: [soa] });
    const spoiled = fc.array(fc.tuple(fc.nat(honest.length - 1), fc.nat(255)), { maxLength: 8 }).map((changes) => {
      const data = Buffer.from(honest);
      for (const [at, value] of changes) data[at] = value;
      return data;
    });
    fc.assert(
      fc.property(
        fc.oneof(
          spoiled,
          fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.concat([honest.subarray(0, 12), bytes])),
        ),
        (data) => void readAnswer(question, data),
      ),
      { numRuns: 2000 },
    );
  });
});

describe('a question', () => {
  const label = fc.stringMatching(/^[!-\-/-~]{1,63}$/);
  const name = fc
    .array(label, { minLength: 1, maxLength: 4 })
    .map((labels) => labels.join('.'))
    .filter((text) => text.length <= 253);

  test('carries any name of printable ASCII to the server and back, EDNS or not', () => {
    fc.assert(
      fc.property(name, fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.boolean(), (plain, bits, edns) => {
        expect(isQueryName(plain)).toBe(true);
        const asked: Question & { type: 'A' } = { id: 513, name: mixCase(plain, bits), type: 'A' };
        expect(asked.name.toLowerCase()).toBe(plain.toLowerCase());
        const echoed = encodeQuery(asked, edns);
        echoed.writeUInt8(0x80 | echoed.readUInt8(2), 2);
        echoed.writeUInt8(0x80, 3);
        expect(readAnswer(asked, echoed)).toEqual({ kind: 'no-data', ttl: null });
      }),
    );
  });

  test('needs labels of 1 to 63 octets and 253 in all', () => {
    const long = `${'a'.repeat(63)}.`.repeat(4);
    expect(['', '.', 'a..b', '.a', 'a.', 'a b', 'ü.example', 'a'.repeat(64), long.slice(0, 254)].map(isQueryName)).not.toContain(true);
    expect(isQueryName(long.slice(0, 253))).toBe(true);
  });
});
