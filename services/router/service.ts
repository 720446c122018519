// The router role: as many routers as the mailbox has work for.
import type { Host, RunningService } from '../host.ts';
import { createRouter, type RouterHost } from './router.ts';

/** Starts the role. Draining lets what is being routed be written. */
export async function startRouter(host: RouterHost & Pick<Host, 'actors'>): Promise<RunningService> {
  const { clock, directory, resolutions, metrics, spool, log } = host;
  const router = createRouter({ config: () => host.config(), clock, directory, resolutions, metrics, spool, log });
  const running = await host.actors.startPool('router', () => router);
  return { notReady: () => running.notReady(), drain: (signal) => running.drain(signal) };
}
