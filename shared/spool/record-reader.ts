// Reads records in bulk: what one turn of the event loop asks for travels as one command. A command of its own for each would
// cost more in the client than the read costs in Redis.
import { readFileSync } from 'node:fs';
import type { RedisClient } from '#shared/actor/redis.ts';
import type { Shard } from '#shared/actor/shard.ts';
import type { QueueId } from './queue-id.ts';

/** Values of the fields asked for, in order; null for those that are not there. */
export type Fields = readonly (Buffer | null)[];

interface Question {
  readonly id: QueueId;
  readonly fields: readonly string[];
  resolve(values: Fields): void;
  reject(error: Error): void;
}

type ReadCommand = (base: string, ...args: readonly (string | number)[]) => Promise<Fields[]>;

const COMMAND = 'stafette_read';
const LUA = readFileSync(new URL('./lua/read.lua', import.meta.url), 'utf8');
/** Records in one command: content may be among their fields, 64 KB each. */
const MOST = 64;

export class RecordReader {
  readonly #read: ReadCommand;
  readonly #waiting = new Map<Shard, Question[]>();

  constructor(client: RedisClient) {
    client.defineCommand(COMMAND, { numberOfKeys: 1, lua: LUA });
    const read = (client as unknown as Record<string, ReadCommand>)[`${COMMAND}Buffer`] as ReadCommand;
    this.#read = read.bind(client);
  }

  /** The fields of a record; all null when it is gone. */
  read(shard: Shard, id: QueueId, fields: readonly string[]): Promise<Fields> {
    return new Promise((resolve, reject) => {
      const question = { id, fields, resolve, reject };
      const waiting = this.#waiting.get(shard);
      if (waiting) return void waiting.push(question);
      this.#waiting.set(shard, [question]);
      setImmediate(() => this.#flush(shard));
    });
  }

  #flush(shard: Shard): void {
    const questions = this.#waiting.get(shard) ?? [];
    this.#waiting.delete(shard);
    for (let i = 0; i < questions.length; i += MOST) void this.#ask(shard, questions.slice(i, i + MOST));
  }

  async #ask(shard: Shard, questions: readonly Question[]): Promise<void> {
    const args: (string | number)[] = [];
    for (const { id, fields } of questions) args.push(id, fields.length, ...fields);
    try {
      const replies = await this.#read(shard.base, ...args);
      questions.forEach((question, i) => question.resolve(replies[i] as Fields));
    } catch (error) {
      for (const question of questions) question.reject(error as Error);
    }
  }
}
