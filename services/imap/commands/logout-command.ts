// LOGOUT (RFC 9051 section 6.1.3).
import { ok } from '../response/completion.ts';
import { ANY_STATE, type Command, noArguments } from './command.ts';

export const logout: Command<void> = {
  name: 'LOGOUT',
  states: ANY_STATE,
  parse: noArguments,
  run(session) {
    session.deselect();
    session.bye('Logging out');
    return ok('Good bye');
  },
};
