// RENAME (RFC 9051 section 6.3.6).
import { ok, refused } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxArgument } from './mailbox-argument.ts';

export const rename: Command<{ readonly from: string; readonly to: string }> = {
  name: 'RENAME',
  states: LOGGED_IN,
  parse(args, session) {
    const from = mailboxArgument(args, session);
    const to = mailboxArgument(args, session);
    args.end();
    return { from, to };
  },
  async run({ user }, { from, to }) {
    const renamed = await user.rename(from, to);
    return renamed.kind === 'refused' ? refused(renamed) : ok('Renamed');
  },
};
