// pop3: lets MUAs take mail from the mail store on every configured listener. Stateless but for the locks of open maildrops, which die with
// it. Fails at start on a port in use or an unusable certificate; while running it answers -ERR.
import type { AccessListenerConfig } from '#shared/config/schema.ts';
import { openDoors } from '#shared/session/service-doors.ts';
import { SessionServer, type SessionServerOptions } from '#shared/session/session-server.ts';
import type { RunningService } from '../host.ts';
import { Pop3, type Pop3Host } from './pop3.ts';
import { replies, wire } from './replies.ts';
import { Session } from './session.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startPop3(host: Pop3Host): Promise<RunningService> {
  const pop3 = new Pop3(host);
  const doors = await openDoors(host, {
    role: 'pop3',
    setting: 'pop3.listeners',
    listeners: (config) => config.pop3.listeners,
    make: (listener, tls) => new SessionServer(optionsOf(pop3, listener), tls),
    keeps: 'listeners and certificate',
  });
  return {
    notReady: () => (pop3.draining ? 'pop3 is draining' : null),
    listeners: doors.places,
    drain: async (signal) => {
      pop3.draining = true;
      await doors.drain(signal);
    },
  };
}

function optionsOf(pop3: Pop3, listener: AccessListenerConfig): SessionServerOptions {
  const { clock, log, metrics } = pop3.host;
  return {
    label: listener.tls === 'implicit' ? 'pop3s' : 'pop3',
    listener,
    counts: pop3.connections,
    limits: () => pop3.limits,
    clock,
    log,
    metrics,
    serve: (connection, server) => new Session(pop3, connection, server).run(),
    refusal: (why) => wire(why === 'total' ? replies.tooManyConnections : replies.tooManyFromClient),
  };
}
