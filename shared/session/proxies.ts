// The load balancers in front of a listener (PROXY protocol): only they say who a client is, so only they are let in. What can fail: a network of the
// configuration that is none.
import type { Socket } from 'node:net';
import type { Logger } from '#shared/telemetry/log.ts';
import { type Networks, networks } from './networks.ts';

interface Proxied {
  readonly proxy_protocol: boolean;
  readonly proxy_from: readonly string[];
}

const EVERYWHERE: Networks = { has: () => true };

/** From where a listener takes connections: from its proxies alone, or from everywhere. Throws with `setting` and the value when a network is no CIDR. */
export function proxiesOf({ proxy_protocol: proxied, proxy_from: from }: Proxied, setting: string): Networks {
  return proxied ? networks(setting, from) : EVERYWHERE;
}

/** Whether a connection comes from there; one that does not is closed. */
export function admits(proxies: Networks, socket: Socket, listener: string, log: Logger): boolean {
  if (proxies.has(socket.remoteAddress ?? '')) return true;
  log.warn({ listener, client: socket.remoteAddress }, 'no proxy of proxy_from: connection closed');
  socket.destroy();
  return false;
}
