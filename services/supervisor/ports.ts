// A look at the ports of SMTP, IMAP and POP3 before several processes share them: with SO_REUSEPORT a second Stafette would not fail but
// take every other connection. What can fail: EADDRINUSE, told as a port in use.
import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Config } from '#shared/config/schema.ts';
import type { Role } from '#shared/protocol/topology.ts';
import type { DoorAddress } from '#shared/session/door.ts';

/** Roles to which clients come. */
const DOORS = ['smtp-ingress', 'imap', 'pop3'] as const;
export type Door = (typeof DOORS)[number];

/** Those of these roles to which clients come. */
export function doorsAmong(roles: readonly Role[]): readonly Door[] {
  return DOORS.filter((door) => roles.includes(door));
}

/** Where these roles listen. */
export function portsOf({ ingress, imap, pop3 }: Config, doors: readonly Door[]): readonly DoorAddress[] {
  const parts = { 'smtp-ingress': ingress, imap, pop3 };
  return doors.flatMap((door): readonly DoorAddress[] => parts[door].listeners);
}

/** Rejects with the socket's error when a port cannot be had within `patience` milliseconds (0: one try). */
export async function probePorts(listeners: readonly DoorAddress[], patience: number): Promise<void> {
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
