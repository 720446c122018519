// imap: lets MUAs read and keep their mail (RFC 9051, RFC 3501) on every configured listener. Stateless: what a session knows, the mail store
// knows too. Fails at start on a port in use or an unusable certificate; while running it answers NO.
import type { AccessListenerConfig } from '#shared/config/schema.ts';
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { openDoors } from '#shared/session/service-doors.ts';
import { SessionServer } from '#shared/session/session-server.ts';
import type { RunningService } from '../host.ts';
import { type ImapHost, ImapServer } from './imap-server.ts';
import { serve } from './session/serve.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startImap(host: ImapHost): Promise<RunningService> {
  const imap = new ImapServer(host);
  const doors = await openDoors(host, {
    role: 'imap',
    setting: 'imap.listeners',
    listeners: (config) => config.imap.listeners,
    make: (listener, tls) => new SessionServer(optionsOf(imap, listener), tls),
    keeps: 'listeners and certificate',
  });
  let draining = false;
  return {
    notReady: () => (draining ? 'imap is draining' : null),
    listeners: doors.places,
    drain: async (signal) => {
      draining = true;
      await doors.drain(signal);
      imap.views.close();
    },
  };
}

function optionsOf(imap: ImapServer, listener: AccessListenerConfig) {
  const { clock, log, metrics } = imap.host;
  return {
    label: listener.tls === 'implicit' ? 'imaps' : 'imap',
    listener,
    counts: imap.connections,
    limits: () => imap.limits,
    clock,
    log,
    metrics,
    serve: (connection: ClientConnection, server: SessionServer) => serve(imap, connection, server),
    refusal: () => '* BYE Too many connections\r\n',
  };
}
