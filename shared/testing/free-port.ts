// Free TCP ports on loopback. They are taken below the range from which outgoing connections get theirs, so a server that is killed
// can come back on its port. Nothing reserves a port: who binds it can still lose a race, and should then ask for another.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const LOWEST = 11_000;
const HIGHEST = 31_999;

/** A TCP port that nothing listens on at `host` right now. */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (await canListen(port, host)) return port;
  }
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
