// GETQUOTAROOT (RFC 9208 section 4.1.2).
import { no, ok } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxPiece, onlyMailbox } from './mailbox-argument.ts';
import { limited, tellQuota } from './quota-response.ts';

export const getQuotaRoot: Command<string> = {
  name: 'GETQUOTAROOT',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run(session, name) {
    if (!(await session.user.find(name))) return no('There is no such mailbox', 'NONEXISTENT');
    const resources = limited(await session.user.quota());
    session.out.untagged('QUOTAROOT ', mailboxPiece(name, session), resources === '' ? '' : ' ""');
    if (resources !== '') tellQuota(session, resources);
    return ok('Done');
  },
};
