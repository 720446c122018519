// DELETE (RFC 9051 section 6.3.5).
import { ok, refused } from '../response/completion.ts';
import type { MailboxName } from '../syntax/mailbox-name.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { onlyWrittenMailbox, tellOldName } from './mailbox-argument.ts';

export const deleteMailbox: Command<MailboxName> = {
  name: 'DELETE',
  states: LOGGED_IN,
  parse: onlyWrittenMailbox,
  async run(session, mailbox) {
    const deleted = await session.user.delete(mailbox.name);
    if (deleted.kind === 'refused') return refused(deleted);
    // Our own selected mailbox is gone: it is left rather than the session ended.
    if (session.selected?.store.id === deleted.mailbox.id) session.deselect(true);
    tellOldName(session, mailbox, '\\NonExistent');
    return ok('Deleted');
  },
};
