// `stafette queue`: what is queued, and what the operator does about it.
import type { ChangeAnswer, MessageAnswer, QueueAnswer, QueuedMessage, Unchanged } from '#shared/protocol/admin-api.ts';
import type { CommandLine, Options } from './arguments.ts';
import type { Query } from './client.ts';
import type { Command, Output } from './commands.ts';
import { path, size, span, table, time } from './terminal.ts';
import { standing } from './timeline.ts';
import { UsageError } from './usage-error.ts';

const FILTER = ['id', 'sender', 'recipient', 'domain', 'older-than', 'state'] as const;
const CHANGES = { flush: 'made due', hold: 'held', release: 'released', delete: 'deleted' } as const;
type Verb = keyof typeof CHANGES;

export const queue: Command = async (line, client, output) => {
  const [verb = 'list', ...ids] = line.words.slice(1);
  if (verb === 'list') return list(line, client, output);
  if (verb === 'show') return show(ids, line, client, output);
  if (verb in CHANGES) return change(verb as Verb, ids, line, client, output);
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

async function change(verb: Verb, words: readonly string[], { options }: CommandLine, client: Parameters<Command>[1], output: Output): Promise<number> {
  const filter = filterOf(options);
  const chosen = Object.values(filter).filter((value) => value !== undefined);
  const given = chosen.length > 0;
  // An ID alone is the same as a word; with other options it is one condition of several.
  const ids = words.length === 0 && options.id !== undefined && chosen.length === 1 ? [options.id] : words;
  if (words.length > 0 && given) throw new UsageError(`queue ${verb}: queue ids and a filter exclude each other`);
  if (ids.length === 0 && !given && !options.all && verb !== 'flush') throw new UsageError(`queue ${verb}: say which messages: queue ids, a filter, or --all`);
  const ask = (query: Query) =>
    client.request<ChangeAnswer>(verb === 'delete' ? 'DELETE' : 'POST', verb === 'delete' ? '/v1/queue' : `/v1/queue/${verb}`, query);
  const answers: [id: string | undefined, ChangeAnswer][] = [];
  if (ids.length === 0) answers.push([undefined, await ask({ ...filter, all: options.all ? 'true' : undefined })]);
  for (const id of ids) answers.push([id, await ask({ id })]);
  const total = sumOf(answers.map(([, answer]) => answer));
  const failed = answers.some(([id, answer]) => id !== undefined && (answer.matched === 0 || (verb === 'flush' && answer.unchanged?.held)));
  if (output.json(total)) return failed ? 1 : 0;
  output.print(`${total.changed} of ${ids.length || total.matched} ${CHANGES[verb]}`);
  for (const [id, answer] of answers) for (const line of leftAsTheyWere(verb, id, answer)) output.print(line);
  return failed ? 1 : 0;
}

const UNCHANGED: Readonly<Record<Unchanged, string>> = {
  held: 'held already',
  'not held': 'not held',
  due: 'due already',
  gone: 'gone meanwhile',
  lost: 'not waiting anywhere: see stafette dead-letters list',
};

/** Why, in a line for each reason. */
function leftAsTheyWere(verb: Verb, id: string | undefined, { matched, unchanged = {} }: ChangeAnswer): readonly string[] {
  if (id !== undefined && matched === 0) return [`${id}: not in the queue; it may be done: stafette trace ${id}`];
  return Object.entries(unchanged).map(([why, count]) => {
    const reason = verb === 'flush' && why === 'held' ? `held: stafette queue release ${id ?? 'FILTER'} first` : UNCHANGED[why as Unchanged];
    return id === undefined ? `${count} ${reason}` : `${id}: ${reason}`;
  });
}

function sumOf(answers: readonly ChangeAnswer[]): ChangeAnswer {
  const unchanged: Partial<Record<Unchanged, number>> = {};
  for (const answer of answers)
    for (const [why, count] of Object.entries(answer.unchanged ?? {})) unchanged[why as Unchanged] = (unchanged[why as Unchanged] ?? 0) + count;
  const sum = (key: 'matched' | 'changed') => answers.reduce((total, answer) => total + answer[key], 0);
  return { matched: sum('matched'), changed: sum('changed'), unchanged };
}

function filterOf(options: Options): Record<string, string | undefined> {
  return Object.fromEntries(FILTER.map((name) => [name, options[name]]));
}
