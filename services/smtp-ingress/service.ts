// smtp-ingress: speaks ESMTP on every configured listener, applies relay policy, commits each message to the spool, answers 250.
// Stateless. Fails at start on a port in use, a wrong network or an unusable certificate; while running it answers 4xx.
import { once } from 'node:events';
import { openDoors } from '#shared/session/service-doors.ts';
import type { RunningService } from '../host.ts';
import { Ingress, type IngressHost } from './ingress.ts';
import { Listener } from './listener.ts';

/** Starts all listeners, or none: throws with the reason when one cannot start. */
export async function startSmtpIngress(host: IngressHost): Promise<RunningService> {
  const ingress = new Ingress(host);
  const doors = await openDoors(host, {
    role: 'smtp-ingress',
    setting: 'ingress.listeners',
    listeners: (config) => config.ingress.listeners,
    make: (listener, tls) => new Listener(ingress, listener, listener.tls === 'none' ? null : tls),
    keeps: 'listeners, certificate and networks',
  });
  return {
    notReady: () => notReady(ingress),
    listeners: doors.places,
    drain: async (signal) => {
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
