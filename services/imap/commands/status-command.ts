// STATUS (RFC 9051 section 6.3.11).
import { no, ok } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxArgument } from './mailbox-argument.ts';
import { noticeItems, readStatusItems, tellStatus } from './status-items.ts';

export const status: Command<{ readonly name: string; readonly items: readonly string[] }> = {
  name: 'STATUS',
  states: LOGGED_IN,
  parse(args, session) {
    const name = mailboxArgument(args, session);
    args.space();
    const items = readStatusItems(args);
    args.end();
    return { name, items };
  },
  async run(session, { name, items }) {
    const info = await session.user.find(name);
    const found = info && (await session.user.status([info.id])).get(info.id);
    if (!info || !found) return no('There is no such mailbox', 'NONEXISTENT');
    noticeItems(session, items);
    await tellStatus(session, info, found, items);
    return ok('Done');
  },
};
