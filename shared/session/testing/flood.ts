// Clients that send noise, or without end, and may read nothing: for tests of what a server in this process holds. Owns the sockets, until they are dropped.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Metrics } from '#shared/telemetry/metrics.ts';
import { eventually } from '#shared/testing/eventually.ts';
import { heldMemory, holdsAtMost } from '#shared/testing/held-memory.ts';

export interface Flood {
  readonly port: number;
  /** Of the server: they know how many sessions are open. */
  readonly metrics: Pick<Metrics, 'accessConnections'>;
  readonly connections: number;
  readonly start: string;
  /** Sent `times` after the start, as far as the server takes it. */
  readonly piece: Buffer;
  readonly times: number;
  /** What comes from the server is read, or left where it is. */
  readonly reads: boolean;
}

/** Octets that a server may hold more than before. */
export interface Bounds {
  readonly meanwhile: number;
  readonly afterwards: number;
}

/** Rejects when the server, in this process, holds more than that while it is flooded, or afterwards. */
export async function holdsWhenFlooded(flooding: Flood, { meanwhile, afterwards }: Bounds): Promise<void> {
  await flood({ ...flooding, connections: 1, times: 1 }, async () => undefined); // code and caches settle
  await sessionsEnd(flooding.metrics);
  const before = heldMemory();
  await flood(flooding, () => holdsAtMost(before, meanwhile, 'while they send'));
  await sessionsEnd(flooding.metrics);
  await holdsAtMost(before, afterwards, 'afterwards');
}

/** Runs the first 200 of these sessions, then all others, ten at once, and rejects when that leaves more than so many octets behind. */
export async function leavesNoMore<Script>(
  scripts: readonly Script[],
  most: number,
  run: (script: Script) => Promise<unknown>,
  { lines, metrics }: { readonly lines: readonly string[] } & Pick<Flood, 'metrics'>,
): Promise<void> {
  const all = async (some: readonly Script[]) => {
    for (let at = 0; at < some.length; at += 10) await Promise.all(some.slice(at, at + 10).map(run));
    (lines as string[]).length = 0; // the log of the test, not of the server
    await sessionsEnd(metrics);
  };
  await all(scripts.slice(0, 200)); // code and caches settle
  const before = heldMemory();
  await all(scripts.slice(200));
  await holdsAtMost(before, most, `${scripts.length - 200} sessions`);
}

/** A session goes on with what it was sent when its client has left: how long that takes is the machine's business. */
async function sessionsEnd({ accessConnections }: Flood['metrics']): Promise<void> {
  const open = async () => (await accessConnections.get()).values.reduce((sum, { value }) => sum + value, 0);
  await eventually(async () => (await open()) === 0, { within: 60_000, every: 20 });
}

/** Sends until the server takes no more or has ended all connections; then calls `look`, and drops what is open. */
async function flood({ port, connections, start, piece, times, reads }: Flood, look: () => Promise<void>): Promise<void> {
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      if (reads) socket.resume().on('end', () => socket.destroy());
      socket.write(start);
      for (let count = 0; count < times; count++) socket.write(piece); // one buffer for all: what waits here takes no memory
      return socket;
    }),
  );
  const taken = () => sockets.reduce((sum, socket) => sum + (socket.destroyed ? 0 : socket.bytesWritten - socket.writableLength), 0);
  let last = -1;
  await eventually(
    async () => {
      const before = last;
      last = taken();
      if (before !== last) await pause(100);
      return before === last;
    },
    { within: 15_000, every: 100 },
  );
  try {
    await look();
  } finally {
    const closed = sockets.filter((socket) => !socket.closed).map((socket) => once(socket, 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  }
}
