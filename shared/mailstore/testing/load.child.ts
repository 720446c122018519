// A process of the model test; arguments: data directory, database URL or nothing, seed, end (milliseconds since the epoch), addresses.
import { systemClock } from '#shared/telemetry/clock.ts';
import { openMailstore } from '../open-mailstore.ts';
import { work } from './load.ts';
import { seededRandom } from './seeded-random.ts';

const [dataDir = '', database = '', seed = '', until = '', ...addresses] = process.argv.slice(2);
const store = await openMailstore({ dataDir, database: database || undefined, clock: systemClock, minFree: 0, snapshotFrom: 1 + (Number(seed) % 16) });
const report = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);
/** Milliseconds of work at the least: on a busy machine the start can take as long as the run. */
const LEAST = 3_000;
await work({ store, addresses, random: seededRandom(Number(seed)), report }, Math.max(Number(until), Date.now() + LEAST));
await store.close();
