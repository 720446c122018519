// How full Redis is, from INFO.
import type { RedisClient } from '#shared/actor/redis.ts';

/** Bytes used and allowed; 0 allowed means no limit. In a Cluster it is the node that answers. */
export async function memoryOf(reader: RedisClient): Promise<{ readonly used: number; readonly max: number }> {
  const info = await reader.info('memory');
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return { used: field('used_memory'), max: field('maxmemory') };
}
