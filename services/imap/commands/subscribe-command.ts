// SUBSCRIBE (RFC 9051 section 6.3.7).
import { ok, refused } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { onlyMailbox } from './mailbox-argument.ts';

export const subscribe: Command<string> = {
  name: 'SUBSCRIBE',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run({ user }, name) {
    const subscribed = await user.subscribe(name);
    return subscribed.kind === 'refused' ? refused(subscribed) : ok('Subscribed');
  },
};
