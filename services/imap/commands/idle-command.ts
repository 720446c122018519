// IDLE (RFC 9051 section 6.3.13, RFC 2177 section 3): tells at once what happens in the selected mailbox, until DONE. Costs a promise and an entry in the view's
// list; a client that does not read is told later, and then all at once.
import { bad, type Completion, ok } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { type Command, LOGGED_IN, noArguments } from './command.ts';

/** Octets of the line that ends it. */
const MAX_LINE = 100;

export const idle: Command<void> = {
  name: 'IDLE',
  states: LOGGED_IN,
  parse: noArguments,
  async run(session) {
    const { imapIdle } = session.server.host.metrics;
    await session.out.goAhead('idling');
    const stop = listen(session);
    imapIdle.inc();
    try {
      // What happened before we listened.
      await session.selected?.view.catchUp();
      session.selected?.tell(true);
      return await untilDone(session);
    } finally {
      imapIdle.dec();
      stop();
    }
  },
};

async function untilDone(session: Session): Promise<Completion> {
  const line = await session.reader.line(MAX_LINE);
  switch (line.kind) {
    case 'line':
      if (line.bytes.toString('latin1').toUpperCase() === 'DONE') return ok('Idled');
      return bad('Expected DONE');
    case 'timeout':
      session.bye('Idle for too long');
      return ok('Idled');
    case 'draining':
      session.bye('Shutting down, connect again');
      return ok('Idled');
    case 'ended':
      session.afterwards = 'close';
      return ok('Idled');
    default:
      session.bye('Expected DONE');
      return bad('Expected DONE');
  }
}

/** Tells each change as it comes, but nothing more to a client that has not read the last. */
function listen(session: Session): () => void {
  const { selected, out, connection, server } = session;
  if (!selected) return () => {};
  let telling = false;
  const tell = async () => {
    if (selected.view.gone) {
      session.bye('The mailbox was deleted');
      await out.flush();
      return connection.cut();
    }
    while (selected.moment !== selected.view.present) {
      selected.tell(true);
      await out.flush();
    }
  };
  return selected.view.whileIdle(() => {
    if (telling) return;
    telling = true;
    tell()
      .catch((error: unknown) => {
        server.host.log.error({ err: error, command: 'IDLE' }, 'command failed');
        connection.cut();
      })
      .finally(() => {
        telling = false;
      });
  });
}
