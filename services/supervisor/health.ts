// The health port: /livez, /readyz and /metrics of this process and of those it supervises, and the autoconfiguration of MUAs. It owns one
// small HTTP server.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AUTOCONFIG_TYPE } from '#shared/discovery/autoconfig.ts';

export interface HealthSource {
  /** One line for each reason why mail cannot be accepted and committed now; empty when it can. */
  notReady(): Promise<readonly string[]>;
  /** One line for each process of ours that hangs; it is killed and started again by whoever supervises it. */
  hanging?(): readonly string[];
  /** In the text format of Prometheus. */
  metrics(): Promise<string>;
  /** The settings of MUAs for a path with query, asked of a host: null when the domain is none of ours, undefined for another path. */
  autoconfig?(target: string, host: string | undefined): string | null | undefined;
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
      // That we answer shows that the event loop turns. What hangs is mended from here: no reason to end us.
      return { status: 200, body: ['ok', ...(source.hanging?.() ?? [])].map((line) => `${line}\n`).join('') };
    case '/readyz': {
      const reasons = await source.notReady();
      return reasons.length === 0 ? { status: 200, body: 'ok\n' } : { status: 503, body: `${reasons.join('\n')}\n` };
    }
    case '/metrics':
      return { status: 200, body: await source.metrics(), type: METRICS_TYPE };
    default:
      return autoconfig(request, source) ?? { status: 404, body: 'not found: /livez, /readyz or /metrics\n' };
  }
}

function autoconfig({ url = '', headers }: IncomingMessage, source: HealthSource): { status: number; body: string; type?: string } | undefined {
  const xml = source.autoconfig?.(url, headers.host);
  if (xml === undefined) return undefined;
  return xml === null ? { status: 404, body: 'no such domain here\n' } : { status: 200, body: xml, type: AUTOCONFIG_TYPE };
}

function reply(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' }).end(body);
}
