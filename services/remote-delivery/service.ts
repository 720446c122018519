// The remote-delivery role: destination actors over the connections of this process.
import { hostname } from 'node:os';
import { SiteLabels } from '#shared/telemetry/site-labels.ts';
import type { Service } from '../host.ts';
import { Connections, connectionSettings } from './connections.ts';
import { destinationActors } from './destination-actor.ts';

/** Starts the role. Draining lets transactions finish, then says QUIT on what is kept. */
export const startRemoteDelivery: Service = async (host) => {
  const { metrics, clock, spool, directory, resolutions, log } = host;
  const random = Math.random;
  const machine = hostname();
  const connections = new Connections(() => connectionSettings(host.config(), machine), clock, random);
  const labels = new SiteLabels((site) => {
    for (const kind of ['relayed', 'delayed', 'failed']) metrics.siteOutcomes.remove({ site, kind });
  });
  const parts = { config: () => host.config(), directory, resolutions, spool, connections, random, log, metrics, clock, labels };
  const running = await host.actors.startKeyed('remote-delivery', destinationActors(parts));
  return {
    notReady: () => running.notReady(),
    drain: async (signal) => {
      await running.drain(signal);
      await connections.close();
    },
  };
};
