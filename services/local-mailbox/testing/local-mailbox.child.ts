// For the kill scenario: a process with only the local-mailbox role, on a given Redis and mail store. Ends by signal.
import { join } from 'node:path';
import { pino } from 'pino';
import { createActorSystem } from '#shared/actor/actor-system.ts';
import { schema } from '#shared/config/schema.ts';
import { createDirectory } from '#shared/directory/config-directory.ts';
import { openMailstore } from '#shared/mailstore/open-mailstore.ts';
import { openDirectoryStore } from '#shared/spool/directory-store/directory-store.ts';
import { createSpool } from '#shared/spool/redis-spool.ts';
import { spoolScripts } from '#shared/spool/scripts.ts';
import { decodeWork } from '#shared/spool/work.ts';
import { systemClock as clock } from '#shared/telemetry/clock.ts';
import { createMetrics } from '#shared/telemetry/metrics.ts';
import { createLocalMailbox } from '../local-mailbox.ts';

const [url = '', dataDir = ''] = process.argv.slice(2);
const parsed = schema.parse({ domains: { 'example.org': {} }, accounts: [{ address: 'alice@example.org' }, { address: 'bob@example.org' }], redis: { url } });
const config = () => parsed;
const log = pino({ level: 'warn' }, pino.destination(2));
const metrics = createMetrics();
const system = await createActorSystem({ config: parsed, clock, log, metrics, scripts: Object.values(spoolScripts), lease: 2_000 });
const cold = await openDirectoryStore({ directory: join(dataDir, 'cold'), minFree: 0 });
const spool = createSpool({ system, cold, config, clock, log, metrics });
const mailstore = await openMailstore({ dataDir, clock, minFree: 0 });
await system.startPool('local-mailbox', () =>
  createLocalMailbox({ config, clock, metrics, log, spool, mailstore, directory: createDirectory(config) }, { decodeWork, random: Math.random }),
);
