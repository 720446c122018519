// The parts of the queue that only the operator needs, taken whole from the host: this role alone may look behind the interfaces.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import { RedisSpool } from '#shared/spool/redis-spool.ts';
import type { TraceCollector } from '#shared/spool/trace-store/trace-collector.ts';
import type { TraceStore } from '#shared/spool/trace-store/trace-store.ts';
import type { Host } from '../host.ts';

export interface Operations extends Pick<Host, 'config' | 'clock' | 'log' | 'metrics' | 'admission'> {
  readonly system: OpenActorSystem;
  readonly spool: RedisSpool;
  readonly traces: TraceStore;
  readonly collector: TraceCollector;
}

/** The actor system and the spool behind the host's interfaces. */
export function behind({ actors, spool }: Pick<Host, 'actors' | 'spool'>): Pick<Operations, 'system' | 'spool'> {
  if (!('shards' in actors) || !(spool instanceof RedisSpool)) throw new Error('the admin role needs the actor system and the spool themselves');
  return { system: actors as OpenActorSystem, spool };
}
