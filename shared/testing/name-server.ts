// A real DNS name server for tests, over UDP and TCP on one loopback port. It answers as a recursive resolver would from zone data
// that a test sets at run time, and misbehaves on demand. It owns its sockets. What can fail: the bind.
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode, type Packet, RECURSION_AVAILABLE, TRUNCATED_RESPONSE } from 'dns-packet';

/** What zone data holds for each type, in the form that `set` takes. */
export interface ZoneRecords {
  readonly A: string;
  readonly AAAA: string;
  readonly CNAME: string;
  readonly MX: { readonly preference: number; readonly exchange: string };
}
type ZoneType = keyof ZoneRecords;

export interface Query {
  readonly id: number;
  /** In lower case. */
  readonly name: string;
  readonly type: string;
  readonly transport: 'udp' | 'tcp';
  readonly edns: boolean;
  /** The name as the client spelt it. */
  readonly spelt: string;
  /** The port that it came from. */
  readonly port: number;
}

/** How queries for a name are answered instead of from the zone. */
export type Behaviour =
  | { readonly kind: 'rcode'; readonly rcode: 'FORMERR' | 'SERVFAIL' | 'NOTIMP' | 'REFUSED' }
  | { readonly kind: 'silent' }
  /** Answers properly after this many milliseconds. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Sets TC in every answer over UDP. */
  | { readonly kind: 'truncate' }
  /** FORMERR for a query that carries EDNS, a proper answer else. */
  | { readonly kind: 'no-edns' }
  /** Packets of the test's own making, sent one after the other; `proper` is what would have been said. */
  | { readonly kind: 'packets'; readonly make: (query: Query, proper: Packet) => readonly (Buffer | Packet)[] };

export type NameServer = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Every query that arrived, oldest first. */
  readonly queries: readonly Query[];
  /** How many of them were for this name (and type). */
  count(name: string, type?: string): number;
  /** Replaces the records of this name and type; an empty list leaves the name without data. */
  set<T extends ZoneType>(name: string, type: T, records: readonly ZoneRecords[T][], ttl?: number): void;
  /** Forgets the name: NXDOMAIN, unless names below it are left. */
  remove(name: string): void;
  /** Null ends the misbehaviour. With a type it concerns that type alone. */
  behave(name: string, behaviour: Behaviour | null, type?: ZoneType): void;
  /** Negative answers: what their SOA says (seconds), or no SOA at all. */
  negative(soa: { readonly ttl: number; readonly minimum: number } | null): void;
  close(): Promise<void>;
};

interface Zone {
  readonly records: Map<string, Answer[]>;
  readonly behaviours: Map<string, Behaviour>;
  soa: { readonly ttl: number; readonly minimum: number } | null;
}

const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const PLAIN_UDP_SIZE = 512;

/** Starts it on a free port of 127.0.0.1, or of another loopback address. */
export async function startNameServer(host = '127.0.0.1'): Promise<NameServer> {
  const zone: Zone = { records: new Map(), behaviours: new Map(), soa: { ttl: 300, minimum: 60 } };
  const queries: Query[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const respond = (data: Buffer, transport: Query['transport'], port: number, send: (answer: Buffer) => void) => {
    const request = decodeOrNull(data);
    const query = request && toQuery(request, transport, port);
    if (!request || !query) return;
    queries.push(query);
    answer(zone, request, query, send, timers);
  };
  const [udp, tcp] = await bind(host);
  const sockets = new Set<Socket>();
  udp.on('message', (data, client) => respond(data, 'udp', client.port, (answer) => sendDatagram(udp, answer, client)));
  tcp.on('connection', (socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy()));
    framed(socket, (data) => respond(data, 'tcp', socket.remotePort ?? 0, (answer) => socket.destroyed || socket.write(prefixed(answer))));
  });
  const close = async () => {
    for (const timer of timers) clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
    await Promise.all([once(udp.close(), 'close'), once(tcp.close(), 'close')]);
  };
  return { host, port: udp.address().port, queries, ...controls(zone, queries), close, [Symbol.asyncDispose]: close };
}

function controls(zone: Zone, queries: readonly Query[]): Pick<NameServer, 'count' | 'set' | 'remove' | 'behave' | 'negative'> {
  return {
    count: (name, type) => queries.filter((query) => query.name === name.toLowerCase() && (type === undefined || query.type === type)).length,
    set: (name, type, records, ttl = 300) => {
      const kept = (zone.records.get(name.toLowerCase()) ?? []).filter((record) => record.type !== type);
      zone.records.set(name.toLowerCase(), [...kept, ...records.map((data) => ({ type, name, ttl, data }) as Answer)]);
    },
    remove: (name) => void zone.records.delete(name.toLowerCase()),
    behave: (name, behaviour, type) => {
      const key = `${name.toLowerCase()} ${type ?? '*'}`;
      if (behaviour) zone.behaviours.set(key, behaviour);
      else zone.behaviours.delete(key);
    },
    negative: (soa) => {
      zone.soa = soa;
    },
  };
}

function toQuery(request: Packet, transport: Query['transport'], port: number): Query | null {
  const question = request.questions?.[0];
  if (request.type === 'response' || !question) return null;
  const edns = request.additionals?.some((record) => record.type === 'OPT') ?? false;
  return { id: request.id ?? 0, name: question.name.toLowerCase(), type: question.type, transport, edns, spelt: question.name, port };
}

function answer(zone: Zone, request: Packet, query: Query, send: (answer: Buffer) => void, timers: Set<NodeJS.Timeout>): void {
  const behaviour = zone.behaviours.get(`${query.name} ${query.type}`) ?? zone.behaviours.get(`${query.name} *`);
  const proper = () => fitted(lookUp(zone, request, query), query, udpSize(request));
  if (!behaviour) return send(proper());
  switch (behaviour.kind) {
    case 'silent':
      return;
    case 'rcode':
      return send(encode(reply(request, query, behaviour.rcode)));
    case 'no-edns':
      return send(query.edns ? encode({ ...reply(request, query, 'FORMERR'), additionals: [] }) : proper());
    case 'truncate':
      return send(query.transport === 'udp' ? truncated(request, query) : proper());
    case 'packets':
      return behaviour.make(query, lookUp(zone, request, query)).forEach((packet) => send(Buffer.isBuffer(packet) ? packet : encode(packet)));
    case 'slow': {
      const timer = setTimeout(() => {
        timers.delete(timer);
        send(proper());
      }, behaviour.ms);
      timers.add(timer);
    }
  }
}

/** What a recursive resolver says: the CNAME chain and the data, or a negative answer with its SOA (RFC 2308 section 2). */
function lookUp(zone: Zone, request: Packet, query: Query): Packet {
  const answers: Answer[] = [];
  let name = query.name;
  for (let hops = 0; hops < 32; hops++) {
    const records = zone.records.get(name);
    const found = records?.filter((record) => record.type === query.type) ?? [];
    answers.push(...found);
    if (found.length > 0) return { ...reply(request, query, 'NOERROR'), answers };
    const alias = records?.find((record) => record.type === 'CNAME');
    if (!alias) break;
    answers.push(alias);
    name = String((alias as { data: string }).data).toLowerCase();
  }
  const exists = zone.records.has(name) || [...zone.records.keys()].some((known) => known.endsWith(`.${name}`));
  return { ...reply(request, query, exists ? 'NOERROR' : 'NXDOMAIN'), answers, authorities: soaOf(zone, name) };
}

function soaOf(zone: Zone, name: string): Answer[] {
  if (!zone.soa) return [];
  const data = { mname: 'ns.invalid', rname: 'hostmaster.invalid', serial: 1, refresh: 3600, retry: 600, expire: 86_400, minimum: zone.soa.minimum };
  return [{ type: 'SOA', name: name.split('.').slice(-2).join('.'), ttl: zone.soa.ttl, data }];
}

function reply(request: Packet, query: Query, rcode: keyof typeof RCODES): Packet {
  const flags = AUTHORITATIVE_ANSWER | RECURSION_AVAILABLE | ((request.flags ?? 0) & 0x100) | RCODES[rcode];
  const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [], extendedRcode: 0, ednsVersion: 0, flag_do: false };
  return { type: 'response', id: query.id, flags, questions: request.questions ?? [], additionals: query.edns ? [opt] : [] };
}

function fitted(packet: Packet, query: Query, size: number): Buffer {
  const data = encode(packet);
  return query.transport === 'tcp' || data.length <= size ? data : truncated(packet, query);
}

function truncated(packet: Packet, query: Query): Buffer {
  const whole = reply(packet, query, 'NOERROR');
  return encode({ ...whole, flags: (whole.flags ?? 0) | TRUNCATED_RESPONSE });
}

function udpSize(request: Packet): number {
  const opt = request.additionals?.find((record) => record.type === 'OPT');
  return opt?.type === 'OPT' ? Math.max(opt.udpPayloadSize, PLAIN_UDP_SIZE) : PLAIN_UDP_SIZE;
}

function decodeOrNull(data: Buffer): Packet | null {
  try {
    return decode(data);
  } catch {
    return null; // no DNS packet: a name server is silent then
  }
}

/** RFC 1035 section 4.2.2: two octets of length stand before each message on TCP. */
function prefixed(data: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(data.length);
  return Buffer.concat([length, data]);
}

function framed(socket: Socket, message: (data: Buffer) => void): void {
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0);
      message(held.subarray(2, end));
      held = held.subarray(end);
    }
  });
}

function sendDatagram(udp: UdpSocket, data: Buffer, client: RemoteInfo): void {
  udp.send(data, client.port, client.address);
}

/** UDP and TCP on one port: the port that TCP got may be taken for UDP, then another is tried. */
async function bind(host: string): Promise<[UdpSocket, Server]> {
  for (let tries = 10; ; tries--) {
    const tcp = createServer().listen(0, host);
    await once(tcp, 'listening');
    const udp = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    try {
      udp.bind((tcp.address() as { port: number }).port, host);
      await once(udp, 'listening');
      return [udp, tcp];
    } catch (error) {
      await Promise.all([once(udp.close(), 'close'), once(tcp.close(), 'close')]);
      if (tries <= 1) throw error;
    }
  }
}
