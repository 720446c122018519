// The health port: /livez, /readyz and /metrics of this process and of those it supervises. It owns one small HTTP server.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HealthSource {
  /** One line for each reason why mail cannot be accepted and committed now; empty when it can. */
  notReady(): Promise<readonly string[]>;
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
}

export interface HealthServer {
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Listens; rejects with the socket's error (EADDRINUSE). */
export async function startHealth(address: string, port: number, source: HealthSource): Promise<HealthServer> {
  const server = createServer({ requestTimeout: 10_000, keepAliveTimeout: 5_000 }, (request, response) => {
    answer(request, source).then(
      ({ status, body, type }) => reply(response, status, body, type),
      (error: Error) => reply(response, 500, `${error.message}\n`),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen({ host: address, port }, resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address, port: (server.address() as AddressInfo).port, close };
}

async function answer(request: IncomingMessage, source: HealthSource): Promise<{ status: number; body: string; type?: string }> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return { status: 405, body: 'GET only\n' };
  switch (request.url?.split('?')[0]) {
    case '/livez':
      // That we answer shows that the event loop turns.
      return { status: 200, body: 'ok\n' };
    case '/readyz': {
      const reasons = await source.notReady();
      return reasons.length === 0 ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reasons.join('\n')}\n` };
    }
    case '/metrics':
      return { status: 200, body: await source.metrics(), type: METRICS_TYPE };
    default:
      return { status: 404, body: 'not found: /livez, /readyz or /metrics\n' };
  }
}

function reply(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' }).end(body);
}
