// smtp-ingress: speaks ESMTP on every configured listener, applies relay policy, commits each message to the spool, answers 250.
// Stateless. Fails at start on a port in use, a wrong network or an unusable certificate; while running it answers 4xx.
import { once } from 'node:events';
import type { Config } from '#shared/config/schema.ts';
import { startAll } from '#shared/session/start-all.ts';
import { loadTlsMaterial, type TlsMaterial } from '#shared/session/tls.ts';
import type { RunningService } from '../host.ts';
import { Ingress, type IngressHost } from './ingress.ts';
import { Listener } from './listener.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startSmtpIngress(host: IngressHost): Promise<RunningService> {
  const ingress = new Ingress(host);
  const config = host.config();
  const tls = await certificateFor(config);
  const listeners = config.ingress.listeners.map((listener) => new Listener(ingress, listener, listener.tls === 'none' ? null : tls));
  const addresses = await startAll(listeners);
  const unsubscribe = host.onReload((changed) => void reload(host, changed, listeners));
  return {
    notReady: () => notReady(ingress),
    listeners: addresses,
    drain: async (signal) => {
      unsubscribe();
      ingress.draining = true;
      await Promise.all(listeners.map((listener) => listener.drain(signal)));
      // A client may have left before its answer; its message is still on its way to the spool.
      if (!signal.aborted) await Promise.race([Promise.allSettled(ingress.commits), once(signal, 'abort')]);
    },
  };
}

function notReady({ draining, host }: Ingress): string | null {
  if (draining) return 'smtp-ingress is draining';
  const refusal = host.admission.refusal(0);
  return refusal && `smtp-ingress takes no mail: ${refusal.why}`;
}

async function certificateFor(config: Config): Promise<TlsMaterial | null> {
  return config.ingress.listeners.some(({ tls }) => tls !== 'none') ? await loadTlsMaterial(config.ingress.tls, config.data_dir, 'ingress.tls') : null;
}

/** New certificate, networks and limits for what comes; open sessions go on. A mistake leaves the old ones in force. */
async function reload(host: IngressHost, config: Config, listeners: readonly Listener[]): Promise<void> {
  try {
    const tls = await certificateFor(config);
    for (const listener of listeners) listener.reload(listener.config.tls === 'none' ? null : tls);
  } catch (error) {
    host.log.error({ err: error }, 'reload: smtp-ingress keeps its certificate and networks');
  }
}
