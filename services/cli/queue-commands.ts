// `stafette queue`: what is queued, and what the operator does about it.
import type { ChangeAnswer, MessageAnswer, QueueAnswer, QueuedMessage } from '#shared/protocol/admin-api.ts';
import type { CommandLine, Options } from './arguments.ts';
import type { Command, Output } from './commands.ts';
import { path, size, span, table, time } from './terminal.ts';
import { standing } from './timeline.ts';
import { UsageError } from './usage-error.ts';

const FILTER = ['id', 'sender', 'recipient', 'domain', 'older-than', 'state'] as const;
const CHANGES = { flush: 'made due', hold: 'held', release: 'released', delete: 'deleted' } as const;

export const queue: Command = async (line, client, output) => {
  const [verb = 'list', ...ids] = line.words.slice(1);
  if (verb === 'list') return list(line, client, output);
  if (verb === 'show') return show(ids, line, client, output);
  if (verb in CHANGES) return change(verb as keyof typeof CHANGES, ids, line, client, output);
  throw new UsageError(`queue ${verb}: expected list, show, flush, hold, release or delete`);
};

async function list({ options, words }: CommandLine, client: Parameters<Command>[1], output: Output): Promise<number> {
  if (words.length > 2) throw new UsageError('queue list takes no words: say --id, or queue show ID');
  const { limit, order, cursor } = options;
  const answer = await client.request<QueueAnswer>('GET', '/v1/queue', { ...filterOf(options), limit, order, cursor });
  if (output.json(answer)) return 0;
  const now = output.now();
  const rows = answer.messages.map((message) => [
    message.id,
    message.state,
    span(now - message.receivedAt),
    size(message.size),
    `${path(message.sender)} to ${toText(message)}`,
  ]);
  if (rows.length === 0) output.print('nothing is queued that matches');
  else for (const row of table([['ID', 'STATE', 'AGE', 'SIZE', 'FROM AND TO'], ...rows])) output.print(row);
  if (answer.cursor !== null) output.print(`there is more: --cursor ${answer.cursor}`);
  if (!answer.complete) output.print('not everything was looked at: time ran out; narrow the filter');
  return 0;
}

function toText({ recipients, envelopeRecipients }: QueuedMessage): string {
  const open = recipients.filter(({ state }) => state !== 'done').map(({ address }) => address);
  const [first, ...others] = open.length > 0 ? open : envelopeRecipients;
  return `${first ?? ''}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}

async function show(ids: readonly string[], { options }: CommandLine, client: Parameters<Command>[1], output: Output): Promise<number> {
  const [id = options.id, ...others] = ids;
  if (id === undefined || others.length > 0) throw new UsageError('queue show: expected one queue id');
  if (options.content) {
    output.write(await client.content(id));
    return 0;
  }
  const answer = await client.request<MessageAnswer>('GET', `/v1/queue/${encodeURIComponent(id)}`);
  if (output.json(answer)) return 0;
  const { message, head } = answer;
  output.print(`${message.id}  from ${path(message.sender)}  to ${message.envelopeRecipients.join(', ')}`);
  output.print(
    `  received ${time(message.receivedAt)}, ${size(message.size)}, content ${message.tier}${message.messageId === undefined ? '' : `, Message-ID ${message.messageId}`}`,
  );
  output.print(`  origin ${JSON.stringify(head['origin'])}`);
  for (const text of standing(message, output.now())) output.print(text);
  return 0;
}

async function change(
  verb: keyof typeof CHANGES,
  ids: readonly string[],
  { options }: CommandLine,
  client: Parameters<Command>[1],
  output: Output,
): Promise<number> {
  const filter = filterOf(options);
  const given = Object.values(filter).some((value) => value !== undefined);
  if (ids.length > 0 && given) throw new UsageError(`queue ${verb}: queue ids and a filter exclude each other`);
  if (ids.length === 0 && !given && !options.all && verb !== 'flush') throw new UsageError(`queue ${verb}: say which messages: queue ids, a filter, or --all`);
  const all = options.all ? 'true' : undefined;
  const queries = ids.length > 0 ? ids.map((id) => ({ id })) : [{ ...filter, all }];
  let total: ChangeAnswer = { matched: 0, changed: 0 };
  for (const query of queries) {
    const path = verb === 'delete' ? '/v1/queue' : `/v1/queue/${verb}`;
    const { matched, changed } = await client.request<ChangeAnswer>(verb === 'delete' ? 'DELETE' : 'POST', path, query);
    total = { matched: total.matched + matched, changed: total.changed + changed };
  }
  if (!output.json(total)) output.print(`${total.changed} of ${total.matched} ${CHANGES[verb]}`);
  return total.matched === 0 && ids.length > 0 ? 1 : 0;
}

function filterOf(options: Options): Record<string, string | undefined> {
  return Object.fromEntries(FILTER.map((name) => [name, options[name]]));
}
