// One client from greeting to farewell: takes commands one after another until it or we have had enough.
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { ConnectionEndedError } from '#shared/session/client-connection.ts';
import type { SessionServer } from '#shared/session/session-server.ts';
import { takesStream } from '../commands/table.ts';
import { CommandReader } from '../connection/command-reader.ts';
import { ResponseWriter } from '../connection/response-writer.ts';
import type { ImapServer } from '../imap-server.ts';
import { MAX_LITERALS, MAX_LITERALS_UNAUTHENTICATED } from '../limits.ts';
import { Dispatcher } from './dispatcher.ts';
import { Session } from './session.ts';

/** Serves the client; the connection is closed by whoever called. Throws for a bug or a broken dependency. */
export async function serve(server: ImapServer, connection: ClientConnection, listener: SessionServer): Promise<void> {
  connection.patience = server.limits.login_timeout;
  const out = new ResponseWriter(connection);
  const session = new Session({ server, listener, connection, out, reader: new CommandReader(connection, out, takesStream) });
  out.untagged(`OK [${session.capabilityLine}] ${server.hostname} Stafette ready`);
  try {
    await takeCommands(session);
  } catch (error) {
    if (!(error instanceof ConnectionEndedError)) throw error;
  } finally {
    session.end();
    out.handOver();
  }
}

async function takeCommands(session: Session): Promise<void> {
  const dispatcher = new Dispatcher(session);
  while (session.afterwards !== 'close' && !session.connection.closed.aborted) {
    const received = await session.reader.next(session.account ? MAX_LITERALS : MAX_LITERALS_UNAUTHENTICATED);
    switch (received.kind) {
      case 'ended':
        return;
      case 'timeout':
        return session.bye('Idle for too long');
      case 'draining':
        return session.bye('Shutting down, connect again');
      default:
        await dispatcher.take(received);
    }
    if (session.afterwards === 'start TLS' && !(await upgrade(session))) return;
  }
}

/** RFC 9051 section 6.2.1: what the client sent before TLS is forgotten. */
async function upgrade(session: Session): Promise<boolean> {
  const { connection, listener, out, server } = session;
  session.afterwards = 'go on';
  out.handOver();
  return listener.starttls !== null && (await connection.upgrade('', listener.starttls, server.limits.tls_timeout));
}
