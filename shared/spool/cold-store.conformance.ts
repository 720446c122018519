// What every cold store must do, as tests: each implementation calls this with a way to open itself.
import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ColdLocation, type ColdStore, ContentMissingError, wholeOf } from './cold-store.ts';
import { newQueueId, type QueueId } from './queue-id.ts';

export interface ColdStoreUnderTest {
  /** Opens the store; a second call opens another process's view of the same content. */
  open(): Promise<ColdStore>;
  /** Lets enough time pass for what one sweep has seen to be judged by the next. */
  age(): Promise<void>;
  dispose(): Promise<void>;
}

const newId = (): QueueId => newQueueId(0, Date.now());
const allLive = async (ids: readonly QueueId[]): Promise<boolean[]> => ids.map(() => true);
const noneLive = async (ids: readonly QueueId[]): Promise<boolean[]> => ids.map(() => false);

async function* inChunks(content: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
}

/** Registers the suite. `prepare` is called once. */
export function coldStoreConformance(name: string, prepare: () => Promise<ColdStoreUnderTest>): void {
  describe(`cold store: ${name}`, () => {
    let under: ColdStoreUnderTest;
    let store: ColdStore;
    const read = async (location: ColdLocation): Promise<Buffer> => await wholeOf(await store.read(location));

    beforeAll(async () => {
      under = await prepare();
      store = await under.open();
    });
    afterAll(async () => {
      await store.close();
      await under.dispose();
    });

    test('gives back exactly what was written, whatever the size and the chunks', async () => {
      const size = fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 250_000, max: 700_000 }));
      await fc.assert(
        fc.asyncProperty(size, fc.integer({ min: 1000, max: 400_000 }), fc.boolean(), async (bytes, chunk, streamed) => {
          const content = randomBytes(bytes);
          const location = await store.write(newId(), streamed ? inChunks(content, chunk) : content);
          expect(location).toMatch(/^[\x21-\x7e]{1,200}$/);
          expect((await read(location)).equals(content)).toBe(true);
        }),
        { numRuns: 60 },
      );
    });

    test('keeps concurrent writes apart', async () => {
      const contents = Array.from({ length: 200 }, (_, index) => randomBytes(index * 37));
      const locations = await Promise.all(contents.map((content) => store.write(newId(), content)));
      const back = await Promise.all(locations.map(read));
      expect(back.map(digest)).toEqual(contents.map(digest));
      expect(new Set(locations).size).toBe(contents.length);
    });

    test('another process reads and removes what this one wrote', async () => {
      const small = await store.write(newId(), Buffer.from('small'));
      const large = await store.write(newId(), Buffer.alloc(600_000, 'x'));
      const other = await under.open();
      expect((await wholeOf(await other.read(small))).toString()).toBe('small');
      expect(await wholeOf(await other.read(large))).toHaveLength(600_000);
      await other.remove(small);
      await other.remove(large);
      await other.close();
      await expect(read(large)).rejects.toThrow(ContentMissingError);
    });

    test('removing twice, or what never was, is done', async () => {
      const [first = '', second = ''] = await Promise.all([store.write(newId(), Buffer.from('a')), store.write(newId(), Buffer.alloc(300_000))]);
      for (const location of [first, second, first, second]) await store.remove(location);
      await store.remove('no-such-location');
    });

    test('what is not there is ContentMissingError', async () => {
      for (const location of ['', 'no-such-location', 'seg:../../etc/passwd:0:10', 'file:../../etc/passwd:0:10:0', 'seg:00000000-0:0:10']) {
        await expect(read(location)).rejects.toThrow(ContentMissingError);
      }
    });

    test('a source that fails leaves nothing behind, and its error comes through', async () => {
      const before = (await store.usage()).storedBytes;
      async function* broken(bytes: number): AsyncGenerator<Buffer> {
        yield Buffer.alloc(bytes);
        throw new Error('the client went away');
      }
      await expect(store.write(newId(), broken(1000))).rejects.toThrow('the client went away');
      await expect(store.write(newId(), broken(900_000))).rejects.toThrow('the client went away');
      expect((await store.usage()).storedBytes).toBe(before);
    });

    test('a large write waits for the store: its source is never read far ahead', async () => {
      // 100 MB; what the garbage collector has not fetched yet is allowed for.
      let given = 0;
      let peak = 0;
      async function* source(): AsyncGenerator<Buffer> {
        for (let count = 0; count < 1600; count++) {
          const chunk = Buffer.alloc(64 * 1024, count);
          given += chunk.length;
          peak = Math.max(peak, process.memoryUsage().arrayBuffers);
          yield chunk;
        }
      }
      const start = process.memoryUsage().arrayBuffers;
      const location = await store.write(newId(), source());
      expect(given).toBe(1600 * 64 * 1024);
      expect(peak - start).toBeLessThan(70 * 1024 * 1024);
      await store.remove(location);
    });

    test('the sweep keeps what is live or young, and gives back the rest', async () => {
      const [id, dead] = [newId(), newId()];
      const live = await store.write(id, Buffer.from('live'));
      const lost = await store.write(dead, Buffer.alloc(400_000, 'd'));
      await store.sweep(noneLive);
      expect((await read(live)).toString()).toBe('live');
      expect(await read(lost)).toHaveLength(400_000);
      await under.age();
      await store.sweep(async (ids) => ids.map((asked) => asked === id));
      expect((await read(live)).toString()).toBe('live');
      await expect(read(lost)).rejects.toThrow(ContentMissingError);
      await store.sweep(allLive);
      expect((await read(live)).toString()).toBe('live');
    });

    test('a sweep with nothing live empties the store, once its writers have closed', async () => {
      await store.close();
      store = await under.open();
      await store.sweep(noneLive);
      await under.age();
      await store.sweep(noneLive);
      expect((await store.usage()).storedBytes).toBe(0);
    });

    test('says how much is stored and free', async () => {
      const before = await store.usage();
      await store.write(newId(), Buffer.alloc(100_000));
      const after = await store.usage();
      expect(after.storedBytes - before.storedBytes).toBeGreaterThanOrEqual(100_000);
      expect(after.freeBytes).toBeGreaterThan(0);
    });
  });
}

function digest(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
