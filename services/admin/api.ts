// The HTTP API of the operator: who may call it, how it answers errors, and its routes. Bearer token, no CORS, small bounded requests.
// What can fail is an ApiError with its own status; anything else is a bug or a broken dependency: 500 or 503, and logged.
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { StoreUnavailableError } from '#shared/actor/errors.ts';
import type { ErrorAnswer } from '#shared/protocol/admin-api.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { ApiError, misdirected, notFound, unauthorized, unavailable, wrongScope } from './api-error.ts';
import { namesUs } from './host-names.ts';
import type { Operations } from './operations.ts';
import { addRoutes } from './routes.ts';
import type { Scope, Tokens } from './tokens.ts';

const LIMITS = { bodyLimit: 1024, requestTimeout: 10_000, keepAliveTimeout: 5_000, connectionTimeout: 0, routerOptions: { maxParamLength: 100 } } as const;
const CONNECTIONS = 100;

/** The application, not listening yet. `tokens` is asked at every request: a reload may change them. */
export function createApi(operations: Operations, tokens: () => Tokens): FastifyInstance {
  const { config, log, system } = operations;
  const api = Fastify({ ...LIMITS, logger: false, forceCloseConnections: true, exposeHeadRoutes: false });
  api.server.maxConnections = CONNECTIONS;
  // Everything is said in the URL.
  api.removeAllContentTypeParsers();
  api.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    if (!namesUs(request.headers.host, request.socket.localAddress, config())) throw misdirected();
    const given = tokens().scopeOf(request.headers.authorization);
    const needed: Scope = request.routeOptions.config.scope ?? 'admin';
    if (given === null) throw refused(log, request, unauthorized());
    if (given !== needed) throw refused(log, request, wrongScope());
    if (request.routeOptions.config.needsRedis !== false && system.reader.status !== 'ready') throw unavailable('Redis is not connected');
  });
  api.setNotFoundHandler((request) => {
    throw notFound(`${request.method} ${request.url.split('?')[0]} does not exist`);
  });
  api.setErrorHandler((error, request, reply) => answerError(log, error as Error, request, reply));
  addRoutes(api, operations);
  return api;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which token it takes; `admin` unless it says otherwise. */
    readonly scope?: Scope;
    /** False where an answer is possible while Redis is away. */
    readonly needsRedis?: boolean;
  }
}

function refused(log: Logger, { method, url, ip }: FastifyRequest, error: ApiError): ApiError {
  log.warn({ audit: true, client: ip, method, path: url.split('?')[0], code: error.code }, 'admin request refused');
  return error;
}

function answerError(log: Logger, error: Error & { statusCode?: number }, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = asApiError(error);
  if (known.status === 500) log.error({ err: error, method: request.method, path: request.url.split('?')[0] }, 'admin request failed');
  if (known.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply.code(known.status).send({ error: { code: known.code, message: known.message } } satisfies ErrorAnswer);
}

function asApiError(error: Error & { statusCode?: number }): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoreUnavailableError) return unavailable(error.message);
  // Fastify's own refusals: a body, an over-long URL, a malformed request.
  if (error.statusCode !== undefined && error.statusCode < 500) return new ApiError(error.statusCode, 'bad-request', error.message);
  return new ApiError(500, 'internal', 'internal error: see the log');
}
