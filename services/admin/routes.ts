// The routes of the admin API. Every change is audited in the log: who, what, which messages, how many.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { ChangeAnswer, DeadLettersAnswer, MessageAnswer, QueueAnswer, StatusAnswer, TraceAnswer } from '#shared/protocol/admin-api.ts';
import { ContentMissingError } from '#shared/spool/cold-store.ts';
import { inspect, type QueueFilter } from '#shared/spool/inspect.ts';
import type { TraceKey } from '#shared/spool/trace-store/trace-find.ts';
import { badRequest, notFound } from './api-error.ts';
import { changeAll, flush } from './changes.ts';
import { changeDeadLetters } from './dead-letters.ts';
import { describe, listQueue } from './listing.ts';
import type { Operations } from './operations.ts';
import { filterOf, parseId, parseQuery, queries, refuseEverything } from './query.ts';
import { statusAnswer } from './status.ts';
import { traceAnswer } from './tracing.ts';

type Change = (operations: Operations, filter: QueueFilter) => Promise<ChangeAnswer>;

const CHANGES: Readonly<Record<'hold' | 'release' | 'delete', Change>> = {
  hold: (operations, filter) => changeAll(operations, filter, async ({ id, held }) => (held ? 'held' : (await operations.spool.operator.hold(id)) || 'gone')),
  release: (operations, filter) =>
    changeAll(operations, filter, async ({ id, held }) => (held ? (await operations.spool.operator.release(id)) || 'gone' : 'not held')),
  delete: (operations, filter) => changeAll(operations, filter, async ({ id }) => (await operations.spool.operator.remove(id)) || 'gone'),
};

export function addRoutes(api: FastifyInstance, operations: Operations): void {
  api.get('/v1/status', { config: { needsRedis: false } }, async (request): Promise<StatusAnswer> => {
    parseQuery(queries.none, request.query);
    return statusAnswer(operations);
  });
  api.get('/v1/trace', async (request): Promise<TraceAnswer> => {
    const { limit, ...query } = parseQuery(queries.trace, request.query);
    return traceAnswer(operations, traceKey(query), limit);
  });
  addQueueRoutes(api, operations);
  addDeadLetterRoutes(api, operations);
}

function addQueueRoutes(api: FastifyInstance, operations: Operations): void {
  const { system, clock } = operations;
  api.get('/v1/queue', async (request): Promise<QueueAnswer> => {
    const query = parseQuery(queries.list, request.query);
    return listQueue(operations, filterOf(query, clock.now()), query);
  });
  api.get<{ Params: { id: string } }>('/v1/queue/:id', async (request): Promise<MessageAnswer> => {
    const record = await inspect(system, parseId(request.params.id));
    const [message] = record ? await describe(system, [record]) : [];
    if (!record || !message) throw notInQueue();
    return { message, head: { ...record.head } };
  });
  api.get<{ Params: { id: string } }>('/v1/queue/:id/content', { config: { scope: 'content' } }, async (request, reply) => {
    const id = parseId(request.params.id);
    audit(operations, request, { id }, 'content asked for');
    if (!(await inspect(system, id))) throw notInQueue();
    const content = await operations.spool.content({ id, place: { tier: 'hot' } }).catch((error: Error) => {
      throw error instanceof ContentMissingError ? notFound('its content is missing') : error;
    });
    return reply.type('message/rfc822').send(content);
  });
  const change = async (request: FastifyRequest, name: string, act: Change, everything: boolean) => {
    const query = parseQuery(queries.change, request.query);
    const filter = filterOf(query, clock.now());
    refuseEverything(filter, everything || query.all === 'true');
    const answer = await act(operations, filter).catch((error: Error) => {
      // Some may be changed, and that too must be known.
      audit(operations, request, { filter, error: error.message }, `queue ${name} broke off`);
      throw error;
    });
    audit(operations, request, { filter, ...answer }, `queue ${name}`);
    return answer;
  };
  api.post('/v1/queue/flush', (request) => change(request, 'flush', flush, true));
  api.post('/v1/queue/hold', (request) => change(request, 'hold', CHANGES.hold, false));
  api.post('/v1/queue/release', (request) => change(request, 'release', CHANGES.release, false));
  api.delete('/v1/queue', (request) => change(request, 'delete', CHANGES.delete, false));
}

function addDeadLetterRoutes(api: FastifyInstance, operations: Operations): void {
  const change = async (request: FastifyRequest, name: 'replay' | 'drop') => {
    const { all, ...choice } = parseQuery(queries.deadLetter, request.query);
    if (choice.mailbox === undefined && choice.entry === undefined && all !== 'true')
      throw badRequest('say which: mailbox, entry (or a queue id), or all=true');
    const answer = await changeDeadLetters(operations, choice, name);
    audit(operations, request, { ...choice, ...answer }, `dead letters ${name}`);
    return answer;
  };
  api.get('/v1/dead-letters', async (request): Promise<DeadLettersAnswer> => {
    const { limit } = parseQuery(queries.deadLetters, request.query);
    return { deadLetters: await operations.system.deadLetters(limit) };
  });
  api.post('/v1/dead-letters', (request) => change(request, 'replay'));
  api.delete('/v1/dead-letters', (request) => change(request, 'drop'));
}

function audit({ log }: Operations, request: FastifyRequest, facts: object, what: string): void {
  log.info({ audit: true, client: request.ip, ...facts }, what);
}

function traceKey(query: Omit<z.output<typeof queries.trace>, 'limit'>): TraceKey {
  const { id, address, 'message-id': messageId } = query;
  const keys: TraceKey[] = [
    ...(id === undefined ? [] : [{ id }]),
    ...(address === undefined ? [] : [{ address }]),
    ...(messageId === undefined ? [] : [{ messageId }]),
  ];
  const [key] = keys;
  if (!key || keys.length > 1) throw badRequest('say one of id, address and message-id');
  return key;
}

function notInQueue(): Error {
  return notFound('no such message in the queue; it may be done: ask for its trace');
}
