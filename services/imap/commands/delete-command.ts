// DELETE (RFC 9051 section 6.3.5).
import { ok, refused } from '../response/completion.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { onlyMailbox } from './mailbox-argument.ts';

export const deleteMailbox: Command<string> = {
  name: 'DELETE',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run(session, name) {
    const deleted = await session.user.delete(name);
    if (deleted.kind === 'refused') return refused(deleted);
    // Our own selected mailbox is gone: it is left rather than the session ended.
    if (session.selected?.store.id === deleted.mailbox.id) session.deselect(true);
    return ok('Deleted');
  },
};
