// CREATE (RFC 9051 section 6.3.4), with the special use that the mailbox is for (RFC 6154 section 3).
import type { SpecialUse } from '#shared/mailstore/account-store.ts';
import { no, ok, refused } from '../response/completion.ts';
import type { ArgumentReader } from '../syntax/argument-reader.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import type { MailboxName } from '../syntax/mailbox-name.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { tellOldName, writtenMailbox } from './mailbox-argument.ts';

/** Not \All and \Flagged, which show what lies in other mailboxes (RFC 6154 section 2): no mailbox of ours does. */
const USES: readonly SpecialUse[] = ['\\Archive', '\\Drafts', '\\Junk', '\\Sent', '\\Trash'];

interface CreateArguments {
  readonly mailbox: MailboxName;
  /** As written; null without USE. */
  readonly uses: readonly string[] | null;
}

export const create: Command<CreateArguments> = {
  name: 'CREATE',
  states: LOGGED_IN,
  parse(args, session) {
    const mailbox = writtenMailbox(args, session);
    const uses = args.take(' ') ? args.nested(() => readUse(args)) : null;
    args.end();
    return { mailbox, uses };
  },
  async run(session, { mailbox, uses }) {
    const [use] = uses?.length ? USES.filter((known) => known.toLowerCase() === uses[0]?.toLowerCase()) : [];
    // A mailbox is for one purpose here.
    if (uses !== null && uses.length > 0 && (use === undefined || uses.length > 1)) return no('This use of a mailbox is not known here', 'USEATTR');
    const created = await session.user.create(mailbox.name, use);
    if (created.kind === 'refused') return refused(created);
    tellOldName(session, mailbox);
    // RFC 8474 section 4.1.
    return ok('Created', `MAILBOXID (${created.mailbox.objectId})`);
  },
};

function readUse(args: ArgumentReader): readonly string[] {
  if (!args.takeKeyword('USE')) throw new BadSyntax('Unknown parameter of CREATE');
  args.space();
  return args.list(() => args.flag(), 'may be empty');
}
