// For the kill test: writes small and large contents without end, and prints each location once it is acknowledged.
import { newQueueId } from '../queue-id.ts';
import { openDirectoryStore } from './directory-store.ts';

const store = await openDirectoryStore({ directory: process.argv[2] ?? '', minFree: 0 });
let seed = 0;

async function writeForever(): Promise<never> {
  for (;;) {
    const mine = seed++;
    const content = Buffer.alloc(mine % 50 === 0 ? 400_000 : 1 + ((mine * 7919) % 20_000), mine % 251);
    const location = await store.write(newQueueId(0, Date.now()), content);
    process.stdout.write(`${location} ${mine}\n`);
  }
}

await Promise.all(Array.from({ length: 20 }, writeForever));
