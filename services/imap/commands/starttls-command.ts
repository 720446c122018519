// STARTTLS (RFC 9051 section 6.2.1). The handshake begins behind the tagged OK, and whatever the client sent before is dropped unread.
import { bad, ok } from '../response/completion.ts';
import { BEFORE_LOGIN, type Command, noArguments } from './command.ts';

export const starttls: Command<void> = {
  name: 'STARTTLS',
  states: BEFORE_LOGIN,
  parse: noArguments,
  run(session) {
    if (!session.offersTls) return bad(session.connection.tls ? 'TLS is on already' : 'There is no STARTTLS on this port');
    session.afterwards = 'start TLS';
    return ok('Begin TLS negotiation now');
  },
};
