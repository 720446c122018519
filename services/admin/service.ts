// The admin role: the HTTP API of the operator, the collector that moves trace events into SQL, and the gauges of the queues.
// It owns the listener and the trace store. What can fail at start: the port, the token files. A trace database away is retried.
import type { AddressInfo } from 'node:net';
import { startTraceCollector } from '#shared/spool/trace-store/trace-collector.ts';
import { openTraceStore } from '#shared/spool/trace-store/trace-store.ts';
import type { Service } from '../host.ts';
import { createApi } from './api.ts';
import { behind, type Operations } from './operations.ts';
import { publishDepths } from './status.ts';
import { loadTokens } from './tokens.ts';
import { openWhenUsed } from './tracing.ts';

/** Starts the role. Draining answers what was asked, and collects what has been told so far. */
export const startAdmin: Service = async (host) => {
  const { config, clock, log, metrics, admission } = host;
  const { admin, data_dir: dataDir, trace } = config();
  const { system, spool } = behind(host);
  let tokens = loadTokens(config(), log);
  const traces = openWhenUsed(() => openTraceStore({ database: trace.database, dataDir, log }));
  const collector = startTraceCollector({ system, store: traces, config, clock, log, metrics });
  const operations: Operations = { config, clock, log, metrics, admission, system, spool, traces, collector };
  const api = createApi(operations, () => tokens);
  const unsubscribe = host.onReload((changed) => {
    try {
      tokens = loadTokens(changed, log);
    } catch (error) {
      log.error({ err: (error as Error).message }, 'reload: the admin tokens stay as they are');
    }
  });
  const stop = async () => {
    unsubscribe();
    await api.close();
    await collector.stop();
    await traces.close();
  };
  try {
    await api.listen({ host: admin.address, port: admin.port });
  } catch (error) {
    await stop();
    throw error;
  }
  const endDepths = publishDepths(operations);
  const { address, port } = api.server.address() as AddressInfo;
  return {
    notReady: () => null,
    listeners: [{ name: 'admin', address, port }],
    drain: async (signal) => {
      endDepths();
      if (!signal.aborted) await collector.catchUp(LAST_COLLECTION).catch((error: Error) => log.warn({ err: error.message }, 'trace events wait in Redis'));
      await stop();
    },
  };
};

/** Milliseconds. */
const LAST_COLLECTION = 2_000;
