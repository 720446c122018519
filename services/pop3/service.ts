// pop3: lets MUAs take mail from the mail store on every configured listener. Stateless but for the locks of open maildrops, which die with
// it. Fails at start on a port in use or an unusable certificate; while running it answers -ERR.
import type { Config } from '#shared/config/schema.ts';
import { SessionServer } from '#shared/session/session-server.ts';
import { startAll } from '#shared/session/start-all.ts';
import { loadTlsMaterial, type TlsMaterial } from '#shared/session/tls.ts';
import type { RunningService } from '../host.ts';
import { Pop3, type Pop3Host } from './pop3.ts';
import { replies, wire } from './replies.ts';
import { Session } from './session.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startPop3(host: Pop3Host): Promise<RunningService> {
  const pop3 = new Pop3(host);
  const { listeners } = host.config().pop3;
  const servers = listeners.length === 0 ? [] : await serversFor(pop3, listeners);
  const addresses = await startAll(servers);
  const unsubscribe = host.onReload((config) => void reload(host, config, servers));
  return {
    notReady: () => (pop3.draining ? 'pop3 is draining' : null),
    listeners: addresses,
    drain: async (signal) => {
      unsubscribe();
      pop3.draining = true;
      await Promise.all(servers.map((server) => server.drain(signal)));
    },
  };
}

async function serversFor(pop3: Pop3, listeners: Config['pop3']['listeners']): Promise<readonly SessionServer[]> {
  const { clock, log, metrics, config } = pop3.host;
  const common = {
    setting: 'pop3.listeners',
    counts: pop3.connections,
    limits: () => pop3.limits,
    clock,
    log,
    metrics,
    refusal: (why: 'total' | 'client') => wire(why === 'total' ? replies.tooManyConnections : replies.tooManyFromClient),
  };
  const tls = await certificateOf(config());
  return listeners.map(
    (listener) =>
      new SessionServer(
        {
          ...common,
          label: listener.tls === 'implicit' ? 'pop3s' : 'pop3',
          listener,
          serve: (connection, server) => new Session(pop3, connection, server).run(),
        },
        tls,
      ),
  );
}

/** The certificate of the ingress is that of POP3. */
function certificateOf({ ingress, data_dir: dataDir }: Config): Promise<TlsMaterial> {
  return loadTlsMaterial(ingress.tls, dataDir, 'ingress.tls');
}

/** A new certificate for handshakes to come; limits are read where they are used. A mistake leaves the old one in force. */
async function reload(host: Pop3Host, config: Config, servers: readonly SessionServer[]): Promise<void> {
  try {
    const tls = await certificateOf(config);
    for (const server of servers) server.reload(tls);
  } catch (error) {
    host.log.error({ err: error }, 'reload: pop3 keeps its certificate');
  }
}
