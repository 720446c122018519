// smtp-ingress: speaks ESMTP on every configured listener, applies relay policy, commits each message to the spool, answers 250.
// Stateless. Fails at start on a port in use, a wrong network or an unusable certificate; while running it answers 4xx.
import { once } from 'node:events';
import type { Config, ListenerConfig } from '#shared/config/schema.ts';
import { Doors } from '#shared/session/doors.ts';
import { loadTlsMaterial, type TlsMaterial } from '#shared/session/tls.ts';
import type { RunningService } from '../host.ts';
import { Ingress, type IngressHost } from './ingress.ts';
import { Listener } from './listener.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startSmtpIngress(host: IngressHost): Promise<RunningService> {
  const ingress = new Ingress(host);
  let tls = await certificateFor(host.config());
  const doors = new Doors({
    setting: 'ingress.listeners',
    make: (listener: ListenerConfig) => new Listener(ingress, listener, listener.tls === 'none' ? null : tls),
  });
  await doors.change(host.config().ingress.listeners);
  /** Listeners, certificate, networks and limits for what comes; open sessions go on. A mistake leaves the old ones in force. */
  const reload = async (config: Config) => {
    try {
      tls = await certificateFor(config);
      await doors.change(config.ingress.listeners);
      for (const listener of doors.entrances) listener.reload(tls);
      host.log.info({ listeners: doors.places }, 'reloaded');
    } catch (error) {
      host.log.error({ err: error }, 'reload: smtp-ingress keeps its listeners, certificate and networks');
    }
  };
  const unsubscribe = host.onReload((config) => void reload(config));
  return {
    notReady: () => notReady(ingress),
    listeners: doors.places,
    drain: async (signal) => {
      unsubscribe();
      ingress.draining = true;
      await doors.drain(signal);
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
