// imap: lets MUAs read and keep their mail (RFC 9051, RFC 3501) on every configured listener. Stateless: what a session knows, the mail store
// knows too. Fails at start on a port in use or an unusable certificate; while running it answers NO.
import type { AccessListenerConfig, Config } from '#shared/config/schema.ts';
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { SessionServer } from '#shared/session/session-server.ts';
import { startAll } from '#shared/session/start-all.ts';
import { loadTlsMaterial, type TlsMaterial } from '#shared/session/tls.ts';
import type { RunningService } from '../host.ts';
import { type ImapHost, ImapServer } from './imap-server.ts';
import { serve } from './session/serve.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startImap(host: ImapHost): Promise<RunningService> {
  const imap = new ImapServer(host);
  const { listeners } = host.config().imap;
  const servers = listeners.length === 0 ? [] : await serversFor(imap, listeners);
  const addresses = await startAll(servers);
  const unsubscribe = host.onReload((changed) => void reload(host, changed, servers));
  let draining = false;
  return {
    notReady: () => (draining ? 'imap is draining' : null),
    listeners: addresses,
    drain: async (signal) => {
      unsubscribe();
      draining = true;
      await Promise.all(servers.map((server) => server.drain(signal)));
      imap.views.close();
    },
  };
}

async function serversFor(imap: ImapServer, listeners: readonly AccessListenerConfig[]): Promise<readonly SessionServer[]> {
  const tls = await certificate(imap.host.config());
  return listeners.map((listener) => new SessionServer(optionsOf(imap, listener), tls));
}

function optionsOf(imap: ImapServer, listener: AccessListenerConfig) {
  const { clock, log, metrics } = imap.host;
  return {
    label: listener.tls === 'implicit' ? 'imaps' : 'imap',
    setting: 'imap.listeners',
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

function certificate(config: Config): Promise<TlsMaterial> {
  return loadTlsMaterial(config.ingress.tls, config.data_dir, 'ingress.tls');
}

/** A new certificate for what comes; open sessions go on. A mistake leaves the old one in force. */
async function reload(host: ImapHost, config: Config, servers: readonly SessionServer[]): Promise<void> {
  try {
    const tls = await certificate(config);
    for (const server of servers) server.reload(tls);
  } catch (error) {
    host.log.error({ err: error }, 'reload: imap keeps its certificate');
  }
}
