// Clients that send without end and may read nothing: for tests of what a server holds. Owns the sockets, until they are dropped.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '#shared/testing/eventually.ts';

export interface Flood {
  readonly port: number;
  readonly connections: number;
  readonly start: string;
  /** Sent `times` after the start, as far as the server takes it. */
  readonly piece: Buffer;
  readonly times: number;
  /** What comes from the server is read, or left where it is. */
  readonly reads: boolean;
}

/** Sends until the server takes no more or has ended all connections; then calls `look`, and drops what is open. */
export async function flood({ port, connections, start, piece, times, reads }: Flood, look: () => Promise<void>): Promise<void> {
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
