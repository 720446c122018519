// A look at the SMTP ports before several processes share them: with SO_REUSEPORT a second Stafette would not fail but
// take every other connection. What can fail: EADDRINUSE, told as a port in use.
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { ListenerConfig } from '#shared/config/schema.ts';

/** Rejects with the socket's error when a port cannot be had within `patience` milliseconds (0: one try). */
export async function probePorts(listeners: readonly ListenerConfig[], patience: number): Promise<void> {
  const deadline = performance.now() + patience;
  for (const { address, port } of listeners) {
    while (port !== 0 && !(await free(address, port, performance.now() >= deadline))) await pause(100);
  }
}

function free(host: string, port: number, last: boolean): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => (last || error.code !== 'EADDRINUSE' ? reject(error) : resolve(false)));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
