// The commands but those of the queue (queue-commands.ts). Each resolves with its exit status: 0, or 1 when there was nothing to find.
import type { ChangeAnswer, DeadLettersAnswer, StatusAnswer, TraceAnswer } from '#shared/protocol/admin-api.ts';
import type { CommandLine } from './arguments.ts';
import type { Client, Query } from './client.ts';
import { size, span, table, time } from './terminal.ts';
import { timeline } from './timeline.ts';
import { UsageError } from './usage-error.ts';

export interface Output {
  /** One line, made harmless. */
  print(line: string): void;
  /** As it is. */
  write(content: Buffer): void;
  /** Prints an answer as JSON when that was asked for, and says so. */
  json(answer: unknown): boolean;
  now(): number;
}

export type Command = (line: CommandLine, client: Client, output: Output) => Promise<number>;

export const trace: Command = async ({ words, options }, client, output) => {
  const [key, ...others] = words.slice(1);
  if (key === undefined || others.length > 0) throw new UsageError('trace: expected one queue id, address or Message-ID');
  let answer: TraceAnswer = { messages: [], complete: true };
  for (const query of keysOf(key)) {
    answer = await client.request<TraceAnswer>('GET', '/v1/trace', { ...query, limit: options.limit });
    if (answer.messages.length > 0) break;
  }
  const found = answer.messages.length > 0 ? 0 : 1;
  if (output.json(answer)) return found;
  if (found === 1) output.print(`no trace of ${key}`);
  for (const [index, message] of answer.messages.entries()) {
    if (index > 0) output.print('');
    for (const line of timeline(message, output.now())) output.print(line);
  }
  if (!answer.complete) output.print('the trace database is behind: the newest events are missing');
  return found;
};

/** What the word may be, the likeliest first. */
function keysOf(key: string): readonly Query[] {
  if (/^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{25}$/.test(key)) return [{ id: key }];
  if (/^<.*@.*>$/.test(key)) return [{ 'message-id': key }, { address: key }];
  return key.includes('@') ? [{ address: key }, { 'message-id': key }] : [{ 'message-id': key }, { address: key }];
}

export const status: Command = async ({ words }, client, output) => {
  if (words.length > 1) throw new UsageError('status takes no words');
  const answer = await client.request<StatusAnswer>('GET', '/v1/status');
  const well = answer.refusing === null ? 0 : 1;
  if (output.json(answer)) return well;
  output.print(answer.refusing === null ? 'mail is taken' : `no new mail is taken: ${answer.refusing}`);
  if (answer.queue === null) return well;
  const { messages, bytes, hotBytes, redisUsedBytes, redisMaxBytes, deadLetters, roles } = answer.queue;
  output.print(`${messages} messages queued, ${size(bytes)} (${size(hotBytes)} in Redis, which uses ${size(redisUsedBytes)} of ${size(redisMaxBytes)})`);
  output.print(`${deadLetters} dead letters${deadLetters > 0 ? ': stafette dead-letters list' : ''}`);
  const rows = roles.map(({ role, due, delayed, oldestDueAge }) => [role, String(due), String(delayed), due > 0 ? span(oldestDueAge) : '-']);
  if (rows.length > 0) for (const row of table([['ROLE', 'DUE', 'DELAYED', 'OLDEST DUE'], ...rows])) output.print(row);
  return well;
};

export const deadLetters: Command = async ({ words, options }, client, output) => {
  const [verb = 'list', ...ids] = words.slice(1);
  if (verb === 'list') {
    if (ids.length > 0) throw new UsageError('dead-letters list takes no words');
    const answer = await client.request<DeadLettersAnswer>('GET', '/v1/dead-letters', { limit: options.limit });
    if (output.json(answer)) return 0;
    if (answer.deadLetters.length === 0) output.print('no dead letters');
    for (const { mailbox, entry, error, at } of answer.deadLetters) output.print(`${time(at)}  ${entry}  at ${mailbox}: ${error}`);
    return 0;
  }
  if (verb !== 'replay' && verb !== 'drop') throw new UsageError(`dead-letters ${verb}: expected list, replay or drop`);
  const { mailbox, all } = options;
  if (ids.length === 0 && mailbox === undefined && !all) throw new UsageError(`dead-letters ${verb}: say which: queue ids, --mailbox or --all`);
  let total: ChangeAnswer = { matched: 0, changed: 0 };
  for (const entry of ids.length > 0 ? ids : [undefined]) {
    const { matched, changed } = await client.request<ChangeAnswer>(verb === 'drop' ? 'DELETE' : 'POST', '/v1/dead-letters', {
      entry,
      mailbox,
      all: all ? 'true' : undefined,
    });
    total = { matched: total.matched + matched, changed: total.changed + changed };
  }
  if (!output.json(total)) output.print(`${total.changed} of ${total.matched} ${verb === 'drop' ? 'dropped' : 'replayed'}`);
  return total.matched === 0 && ids.length > 0 ? 1 : 0;
};
