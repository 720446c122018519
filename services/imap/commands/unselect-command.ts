// UNSELECT (RFC 9051 section 6.4.2, RFC 3691 section 2): as CLOSE, and nothing is expunged.
import { ok } from '../response/completion.ts';
import { type Command, MAILBOX_SELECTED, noArguments } from './command.ts';

export const unselect: Command<void> = {
  name: 'UNSELECT',
  states: MAILBOX_SELECTED,
  parse: noArguments,
  run(session) {
    session.deselect();
    return ok('Unselected');
  },
};
