// What the tests of the SMTP client share: options for a sink on loopback, one request, one opened connection.
import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:net';
import type { SmtpConnection } from './connection.ts';
import { type ConnectionOptions, openConnection } from './open-connection.ts';
import type { TransactionRequest } from './request.ts';

export function optionsFor(port: number, more: Partial<ConnectionOptions> = {}): ConnectionOptions {
  const sessions = new Map<string, Buffer>();
  return {
    host: 'localhost',
    address: '127.0.0.1',
    port,
    hostname: 'relay.example.org',
    tls: { mode: 'none' },
    sessions: { get: () => sessions.get(''), set: (session) => void sessions.set('', session) },
    timeouts: { connect: 2_000, greeting: 2_000, command: 2_000, data: 2_000 },
    ...more,
  };
}

export async function opened(port: number, more: Partial<ConnectionOptions> = {}): Promise<SmtpConnection> {
  const result = await openConnection(optionsFor(port, more));
  if (result.kind !== 'open') throw new Error(`not opened: ${result.outcome.diagnostic}`);
  return result.connection;
}

export const CONTENT = Buffer.from('Subject: test\r\n\r\nA line.\r\n.A dot.\r\n');

export function requestTo(addresses: readonly string[], more: Partial<TransactionRequest> = {}): TransactionRequest {
  const content = more.content ?? CONTENT;
  const size = Buffer.isBuffer(content) ? content.length : 0;
  return {
    reversePath: 'sender@example.org',
    recipients: addresses.map((address) => ({ address })),
    content,
    size,
    body: '7bit',
    smtputf8: false,
    mayCommit: () => true,
    ...more,
  };
}

/** A server that does exactly what the test writes, for what no decent server does. */
export async function rawServer(
  onConnection: (socket: Socket, lines: (listener: (line: string) => void) => void) => void,
): Promise<AsyncDisposable & { readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    let rest = '';
    onConnection(socket, (listener) => {
      socket.on('data', (chunk) => {
        const parts = (rest + chunk.toString('latin1')).split('\r\n');
        rest = parts.pop() ?? '';
        for (const line of parts) listener(line);
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
