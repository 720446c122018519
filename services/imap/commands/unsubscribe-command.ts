// UNSUBSCRIBE (RFC 9051 section 6.3.8).
import { ok } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { onlyMailbox } from './mailbox-argument.ts';

export const unsubscribe: Command<string> = {
  name: 'UNSUBSCRIBE',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run({ user }, name) {
    await user.unsubscribe(name);
    return ok('Unsubscribed');
  },
};
