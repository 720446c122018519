// The counting sink: one process, any number of destinations (an address each, one port), each with a behaviour that can
// change while it runs. Owns the counts of what arrived; fails only when it cannot listen.
import { createServer, type Server, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { type LoadNumber, messageFactory, recipientAddress } from './message.ts';
import { type SinkMode, serveSink } from './sink-session.ts';

export type { SinkMode } from './sink-session.ts';

export interface SinkOptions {
  /** How many numbered messages are expected, and recipients of each. */
  readonly messages: number;
  readonly recipients?: number;
  /** Only messages of this run are counted; others are foreign. */
  readonly run: string;
  /** Octets of a message as the source makes it: the body of each is then compared with what was sent, by CRC-32. */
  readonly size?: number;
  /** How many destinations; one is 127.0.0.1, several are `destinationAddress(0..n-1)`. */
  readonly destinations?: number;
  /** 0, the default, takes a free one; all destinations share it. */
  readonly port?: number;
  /** Milliseconds before each reply of a tarpit. */
  readonly tarpitDelay?: number;
  /** Cuts the connection in place of every n-th 250: the message is taken and counted, its sender left in doubt. */
  readonly cutEvery?: number;
}

/** What arrived, by number; times are performance.now() milliseconds of this process. */
export interface Arrivals {
  readonly run: string;
  readonly recipients: number;
  /** How often recipient `number * recipients + index` was delivered. */
  readonly counts: Uint16Array;
  /** When the message's first copy arrived; 0 for never. */
  readonly firstAt: Float64Array;
  /** When the latest copy for a recipient not served before arrived: the message is complete when its last recipient is. */
  readonly lastAt: Float64Array;
  /** Distinct recipients delivered, and all deliveries, repeats included. */
  distinct: number;
  total: number;
  /** Messages that arrived after a later one of the same source session. */
  reordered: number;
  /** Messages without our number, of another run or out of range. */
  foreign: number;
  /** Messages that are not what was sent; looked at with `size` only. */
  damaged: number;
  /** Replies cut by `cutEvery`. */
  cut: number;
  /** Deliveries by destination, recipients counted. */
  readonly byDestination: Float64Array;
}

export interface Sink {
  readonly port: number;
  readonly addresses: readonly string[];
  arrivals(): Arrivals;
  /** Starts counting anew, for another run on the same listeners. */
  reset(expected: Pick<SinkOptions, 'messages' | 'recipients' | 'run'>): void;
  /** Changes how one destination, or all, behave from the next command on; `refuse` closes the listener and its connections. */
  setMode(mode: SinkMode, destination?: number): Promise<void>;
  /** Resolves once `distinct` recipients have arrived. */
  reached(distinct: number): Promise<void>;
  /** Resolves at the first arrival after which the condition holds, or at once. */
  until(condition: (arrivals: Arrivals) => boolean): Promise<void>;
  /** Open connections of one destination. */
  connections(destination: number): number;
  close(): Promise<void>;
}

interface Destination {
  mode: SinkMode;
  server: Server;
  readonly address: string;
  readonly sockets: Set<Socket>;
}

/** The loopback address of destination `index`: 127.1.x.y, 250 to a block. */
export function destinationAddress(index: number): string {
  return `127.${1 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${(index % 250) + 1}`;
}

/** Listens on every destination and counts. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const { destinations: width = 1, tarpitDelay = 10_000, cutEvery = 0 } = options;
  const addresses = width === 1 ? ['127.0.0.1'] : Array.from({ length: width }, (_, index) => destinationAddress(index));
  const waiting: { condition: (arrivals: Arrivals) => boolean; resolve: () => void }[] = [];
  let arrivals = newArrivals(options, width);
  let order = new Map<number, number>();
  let sinceCut = 0;

  const sent = options.size === undefined ? null : sumsOf(options.run, options.size);
  const arrived = (index: number, load: LoadNumber | undefined, recipients: readonly number[], sum: number): 'reply' | 'cut' => {
    if (sent && load?.run === options.run && sent(load) !== sum) arrivals.damaged += 1;
    count(arrivals, order, index, load, recipients);
    for (let at = waiting.length - 1; at >= 0; at--) if (waiting[at]?.condition(arrivals)) waiting.splice(at, 1)[0]?.resolve();
    sinceCut += 1;
    if (cutEvery === 0 || sinceCut < cutEvery) return 'reply';
    sinceCut = 0;
    arrivals.cut += 1;
    return 'cut';
  };
  const until = (condition: (arrivals: Arrivals) => boolean): Promise<void> =>
    condition(arrivals) ? Promise.resolve() : new Promise((resolve) => waiting.push({ condition, resolve }));
  const newServer = (destination: Destination, index: number) =>
    createServer({ noDelay: true }, (socket) => {
      destination.sockets.add(socket);
      socket.once('close', () => destination.sockets.delete(socket));
      const heard = (load: LoadNumber | undefined, recipients: readonly number[], sum: number) => arrived(index, load, recipients, sum);
      serveSink(socket, { mode: () => destination.mode, tarpitDelay, sums: sent !== null, arrived: heard });
    });

  const destinations: Destination[] = [];
  let port = options.port ?? 0;
  for (const [index, address] of addresses.entries()) {
    const destination: Destination = { mode: 'accept', address, sockets: new Set(), server: createServer() };
    destination.server = newServer(destination, index);
    port = await listen(destination.server, address, port);
    destinations.push(destination);
  }

  const setMode = async (mode: SinkMode, destination: Destination, index: number): Promise<void> => {
    const before = destination.mode;
    destination.mode = mode;
    if (mode === 'refuse' && before !== 'refuse') await closeServer(destination);
    if (mode !== 'refuse' && before === 'refuse') {
      destination.server = newServer(destination, index);
      await listen(destination.server, destination.address, port);
    }
  };
  return {
    port,
    addresses,
    arrivals: () => arrivals,
    reset(expected) {
      arrivals = newArrivals(expected, width);
      order = new Map();
    },
    async setMode(mode, only) {
      for (const [index, destination] of destinations.entries()) if (only === undefined || only === index) await setMode(mode, destination, index);
    },
    reached: (distinct) => until((now) => now.distinct >= distinct),
    until,
    connections: (index) => destinations[index]?.sockets.size ?? 0,
    close: async () => {
      await Promise.all(destinations.filter(({ mode }) => mode !== 'refuse').map(closeServer));
    },
  };
}

function newArrivals(expected: Pick<SinkOptions, 'messages' | 'recipients' | 'run'>, destinations: number): Arrivals {
  const recipients = expected.recipients ?? 1;
  return {
    run: expected.run,
    recipients,
    counts: new Uint16Array(expected.messages * recipients),
    firstAt: new Float64Array(expected.messages),
    lastAt: new Float64Array(expected.messages),
    distinct: 0,
    total: 0,
    reordered: 0,
    foreign: 0,
    damaged: 0,
    cut: 0,
    byDestination: new Float64Array(destinations),
  };
}

/** CRC-32 of the body that a source of this run sends, by number. */
function sumsOf(run: string, size: number): (load: LoadNumber) => number {
  const message = messageFactory(run, size);
  return ({ number, session }) => crc32(message(number, session, recipientAddress(0, 'load.example')).body);
}

function count(arrivals: Arrivals, order: Map<number, number>, destination: number, load: LoadNumber | undefined, recipients: readonly number[]): void {
  if (load?.run !== arrivals.run || load.number >= arrivals.firstAt.length) {
    arrivals.foreign += 1;
    return;
  }
  const now = performance.now();
  if (arrivals.firstAt[load.number] === 0) {
    arrivals.firstAt[load.number] = now;
    const latest = order.get(load.session) ?? -1;
    if (load.number < latest) arrivals.reordered += 1;
    else order.set(load.session, load.number);
  }
  for (const recipient of recipients) {
    if (recipient < 0 || recipient >= arrivals.recipients) {
      arrivals.foreign += 1;
      continue;
    }
    const at = load.number * arrivals.recipients + recipient;
    const before = arrivals.counts[at] ?? 0;
    arrivals.counts[at] = before + 1;
    arrivals.total += 1;
    arrivals.byDestination[destination] = (arrivals.byDestination[destination] ?? 0) + 1;
    if (before > 0) continue;
    arrivals.distinct += 1;
    arrivals.lastAt[load.number] = now;
  }
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 1024 }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}

async function closeServer(destination: Destination): Promise<void> {
  const closed = new Promise((resolve) => destination.server.close(resolve));
  for (const socket of destination.sockets) socket.destroy();
  await closed;
}
