// Where a message's record is: the shard that its queue id names, and the scripts that run there. Owns nothing.
import type { OpenActorSystem } from '#shared/actor/actor-system.ts';
import type { Script } from '#shared/actor/scripts.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { Argument, SubmitOptions } from '#shared/actor/transaction-batch.ts';
import { type QueueId, shardOf } from './queue-id.ts';

export class MessageShards {
  readonly #system: Pick<OpenActorSystem, 'shards'>;

  constructor(system: Pick<OpenActorSystem, 'shards'>) {
    this.#system = system;
  }

  get all(): readonly Shard[] {
    return this.#system.shards;
  }

  of(id: QueueId): Shard {
    const shard = this.#system.shards[shardOf(id)];
    if (!shard) throw new Error(`queue id ${id} names shard ${shardOf(id)}, which does not exist`);
    return shard;
  }

  /** Redis key of a message's record (lua/record.lua). */
  key(id: QueueId): string {
    return `${this.of(id).base}m:${id}`;
  }

  /** Runs a script for this message in the next transaction of its shard; errors as `GroupCommit.submit`. */
  submit(id: QueueId, script: Script, args: readonly Argument[], options?: SubmitOptions): Promise<unknown> {
    return this.of(id).submit(script, args, options);
  }
}
