// GETQUOTA (RFC 9208 section 4.1.1).
import { no, ok } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { limited, tellQuota } from './quota-response.ts';

export const getQuota: Command<string> = {
  name: 'GETQUOTA',
  states: LOGGED_IN,
  parse(args) {
    args.space();
    const root = args.astring();
    args.end();
    return root;
  },
  async run(session, root) {
    const resources = root === '' ? limited(await session.user.quota()) : '';
    if (resources === '') return no('There is no such quota root', 'NONEXISTENT');
    tellQuota(session, resources);
    return ok('Done');
  },
};
