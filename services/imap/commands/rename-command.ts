// RENAME (RFC 9051 section 6.3.6).
import { ok, refused } from '../response/completion.ts';
import type { MailboxName } from '../syntax/mailbox-name.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxArgument, tellOldName, writtenMailbox } from './mailbox-argument.ts';

export const rename: Command<{ readonly from: string; readonly to: MailboxName }> = {
  name: 'RENAME',
  states: LOGGED_IN,
  parse(args, session) {
    const from = mailboxArgument(args, session);
    const to = writtenMailbox(args, session);
    args.end();
    return { from, to };
  },
  async run(session, { from, to }) {
    const renamed = await session.user.rename(from, to.name);
    if (renamed.kind === 'refused') return refused(renamed);
    tellOldName(session, to);
    return ok('Renamed');
  },
};
