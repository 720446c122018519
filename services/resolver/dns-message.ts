// DNS messages as a stub resolver needs them: a query is built, an answer is checked and read, by dns-packet. Pure.
// What an answer cannot be trusted for is a value here (`mismatch`, `malformed`), never a throw.
import { type Answer, type DecodedPacket, decode } from 'dns-packet';

/** The types we ask for, and what one record of each holds. */
export interface RecordData {
  readonly A: string;
  readonly AAAA: string;
  readonly MX: { readonly preference: number; readonly exchange: string };
}
export type RecordType = keyof RecordData;

export interface Question {
  readonly id: number;
  /** As sent: its letters' case is random, and comes back the same. */
  readonly name: string;
  readonly type: RecordType;
}

/** What one server said. TTLs are in seconds; null means that the answer may not be cached. */
export type Reading<T> =
  | { readonly kind: 'found'; readonly records: readonly T[]; readonly ttl: number }
  | { readonly kind: 'no-data'; readonly ttl: number | null }
  | { readonly kind: 'no-such-name'; readonly ttl: number | null }
  /** A CNAME chain that the server did not follow to its end. */
  | { readonly kind: 'alias'; readonly target: string; readonly ttl: number }
  | { readonly kind: 'truncated' }
  /** SERVFAIL, REFUSED, a referral: this server does not help. */
  | { readonly kind: 'refused'; readonly diagnostic: string }
  /** FORMERR or NOTIMP: perhaps it knows no EDNS (RFC 6891 section 7). */
  | { readonly kind: 'no-edns' }
  | { readonly kind: 'malformed'; readonly diagnostic: string }
  /** Not an answer to this question: ignored, a better one may come. */
  | { readonly kind: 'mismatch' }
  /** The same question in other letters: a server that changes case, or a forger that guessed the id. */
  | { readonly kind: 'case-mismatch' };

/** What we can take over UDP without fragments on today's paths. */
const UDP_PAYLOAD = 1232;
const HEADER = 12;
const DOT = 0x2e;
/** The bit that tells a small letter of ASCII from a capital one. */
const CASE = 0x20;
const RECURSION_DESIRED = 0x0100;
const IN = 1;
const TYPES: Readonly<Record<RecordType, number>> = { A: 1, MX: 15, AAAA: 28 };
/** RFC 6891 section 6.1.2: the root's name, type OPT, our payload size; extended RCODE, version, flags and options are 0. */
const OPT = Buffer.from([0, 0, 41, UDP_PAYLOAD >> 8, UDP_PAYLOAD & 0xff, 0, 0, 0, 0, 0, 0]);
/** CNAMEs followed for one question, as most resolvers allow. */
export const MAX_CNAMES = 16;
/** Records of one answer; more is nobody's honest mail set-up and only costs time on the loop. */
const MAX_RECORDS = 1000;
/** RFC 2181 section 8: a TTL with the top bit set counts as zero. */
const MAX_TTL = 0x7fff_ffff;
const [FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED] = [1, 2, 3, 4, 5];
const RCODES: Readonly<Record<number, string>> = { [SERVFAIL as number]: 'SERVFAIL', [REFUSED as number]: 'REFUSED' };

/** A name that fits into a question: labels of 1 to 63 octets, 255 in all (RFC 1035 section 2.3.4), printable ASCII. */
export function isQueryName(name: string): boolean {
  let label = 0;
  for (let at = 0; at < name.length; at++) {
    const octet = name.charCodeAt(at);
    if (octet < 0x21 || octet > 0x7e || (octet === DOT && label === 0)) return false;
    label = octet === DOT ? 0 : label + 1;
    if (label > 63) return false;
  }
  return label > 0 && name.length <= 253;
}

/** The query with recursion desired, and with EDNS (RFC 6891 section 6.2.5) unless the server does not know it. */
export function encodeQuery({ id, name, type }: Question, edns: boolean): Buffer {
  const end = HEADER + name.length + 2;
  const query = Buffer.allocUnsafe(end + 4 + (edns ? OPT.length : 0)).fill(0);
  query.writeUInt16BE(id, 0);
  query.writeUInt16BE(RECURSION_DESIRED, 2);
  query.writeUInt16BE(1, 4); // questions
  // Each dot gives its place to the length of the label behind it.
  query.write(name, HEADER + 1, 'latin1');
  for (let at = HEADER, dot = name.indexOf('.'); ; dot = name.indexOf('.', dot + 1)) {
    const next = HEADER + 1 + (dot < 0 ? name.length : dot);
    query[at] = next - at - 1;
    if (dot < 0) break;
    at = next;
  }
  query.writeUInt16BE(TYPES[type], end);
  query.writeUInt16BE(IN, end + 2);
  if (!edns) return query;
  query.writeUInt16BE(1, 10); // additional records
  query.set(OPT, end + 4);
  return query;
}

/** The name with random case: a forger must guess it as well (draft-vixie-dnsext-dns0x20). `bits` are random octets. */
export function mixCase(name: string, bits: Uint8Array): string {
  const octets = Buffer.from(name, 'latin1');
  for (let at = 0; at < octets.length; at++) {
    const small = (octets[at] as number) | CASE;
    if (small < 0x61 || small > 0x7a) continue;
    octets[at] = ((bits[at >> 3] ?? 0) >> (at & 7)) & 1 ? small ^ CASE : small;
  }
  return octets.toString('latin1');
}

/** Checks that `data` answers `question` and says what it means. Never throws. */
export function readAnswer<T extends RecordType>(question: Question & { readonly type: T }, data: Buffer): Reading<RecordData[T]> {
  if (data.length < 12 || data.readUInt16BE(0) !== question.id || !(data.readUInt8(2) & 0x80)) return { kind: 'mismatch' };
  if (data.readUInt16BE(4) > 1 || data.readUInt16BE(6) + data.readUInt16BE(8) + data.readUInt16BE(10) > MAX_RECORDS) return malformed('too many records');
  try {
    return read(question, decode(data), data.readUInt16BE(2));
  } catch (error) {
    // dns-packet throws on lies about lengths, on pointers forward and on names without end.
    return malformed(error instanceof Error ? error.message : String(error));
  }
}

function read<T extends RecordType>(question: Question & { readonly type: T }, packet: DecodedPacket, flags: number): Reading<RecordData[T]> {
  const asked = packet.questions?.[0];
  const rcode = (flags & 0xf) | (extendedRcode(packet) << 4);
  // Servers that cannot read a query may send back the header alone.
  if (!asked && (rcode === FORMERR || rcode === NOTIMP)) return { kind: 'no-edns' };
  if (!asked || asked.type !== question.type || (asked.class ?? 'IN') !== 'IN' || !sameName(asked.name, question.name)) return { kind: 'mismatch' };
  if (asked.name !== question.name) return { kind: 'case-mismatch' };
  if (packet.flag_tc) return { kind: 'truncated' };
  if (rcode === FORMERR || rcode === NOTIMP) return { kind: 'no-edns' };
  if (rcode !== 0 && rcode !== NXDOMAIN) return { kind: 'refused', diagnostic: RCODES[rcode] ?? `RCODE ${rcode}` };
  return readRecords(question, packet, rcode === NXDOMAIN);
}

/** Follows the CNAME chain within the answer (RFC 1034 section 3.6.2); the least TTL on the way counts for the whole. */
function readRecords<T extends RecordType>(question: Question & { readonly type: T }, packet: DecodedPacket, nxdomain: boolean): Reading<RecordData[T]> {
  const answers = packet.answers ?? [];
  let name = question.name;
  let ttl = MAX_TTL;
  for (let hops = 0; ; hops++) {
    const found = answers.filter((record) => record.type === question.type && sameName(record.name, name) && isInternet(record));
    if (found.length > 0)
      return {
        kind: 'found',
        records: found.map((record) => dataOf(record) as RecordData[T]),
        ttl: found.reduce((least, record) => Math.min(least, ttlOf(record)), ttl),
      };
    const alias = answers.find((record) => record.type === 'CNAME' && sameName(record.name, name) && isInternet(record));
    if (!alias) return readNegative(packet, name, ttl, nxdomain, hops > 0);
    if (hops >= MAX_CNAMES) return { kind: 'refused', diagnostic: `more than ${MAX_CNAMES} CNAME records` };
    name = String(dataOf(alias));
    ttl = Math.min(ttl, ttlOf(alias));
  }
}

/** RFC 2308 section 2: NXDOMAIN and NODATA, told apart from a referral and from an alias that was left to us. */
function readNegative<T>(packet: DecodedPacket, name: string, ttl: number, nxdomain: boolean, aliased: boolean): Reading<T> {
  const authorities = packet.authorities ?? [];
  const soa = authorities.find((record) => record.type === 'SOA');
  const negative = negativeTtl(soa, ttl);
  if (nxdomain) return { kind: 'no-such-name', ttl: negative };
  if (soa) return { kind: 'no-data', ttl: negative };
  if (aliased) return { kind: 'alias', target: name, ttl };
  // RFC 2308 section 2.2: NS records and no SOA are a referral; a resolver that does not recurse is no help.
  if (authorities.some((record) => record.type === 'NS') || !(packet.flag_ra || packet.flag_aa))
    return { kind: 'refused', diagnostic: 'a referral instead of an answer' };
  return { kind: 'no-data', ttl: null };
}

/** RFC 2308 section 5: the lesser of the SOA's TTL and its MINIMUM; without a SOA it is not cached. */
function negativeTtl(soa: Answer | undefined, chain: number): number | null {
  if (soa?.type !== 'SOA') return null;
  return Math.min(ttlOf(soa), soa.data.minimum ?? 0, chain);
}

function extendedRcode(packet: DecodedPacket): number {
  const opt = packet.additionals?.find((record) => record.type === 'OPT');
  return opt?.type === 'OPT' ? opt.extendedRcode : 0;
}

function ttlOf(record: Answer): number {
  const ttl = 'ttl' in record ? (record.ttl ?? 0) : 0;
  return ttl > MAX_TTL ? 0 : ttl;
}

function dataOf(record: Answer): unknown {
  return 'data' in record ? record.data : undefined;
}

function isInternet(record: Answer): boolean {
  return !('class' in record) || record.class === undefined || record.class === 'IN';
}

function sameName(a: string, b: string): boolean {
  return a.length === b.length && a.toLowerCase() === b.toLowerCase();
}

function malformed<T>(diagnostic: string): Reading<T> {
  return { kind: 'malformed', diagnostic };
}
