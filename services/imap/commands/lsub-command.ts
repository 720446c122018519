// LSUB (RFC 3501 section 6.3.9): subscribed names, and above them those that a `%` stops at.
import { ok } from '../response/completion.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { listMatcher, withReference } from '../syntax/list-pattern.ts';
import { readPattern } from '../syntax/mailbox-name.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxArgument, mailboxPiece } from './mailbox-argument.ts';
import { listedAmong, mailboxTree } from './mailbox-tree.ts';

const MOST_PATTERN = 4000;

export const lsub: Command<string> = {
  name: 'LSUB',
  states: LOGGED_IN,
  parse(args, session) {
    const reference = mailboxArgument(args, session);
    args.space();
    const pattern = readPattern(args, session.features.nameForm);
    args.end();
    if (pattern.length > MOST_PATTERN) throw new BadSyntax('Pattern too long');
    return withReference(reference, pattern);
  },
  async run(session, pattern) {
    const listing = await session.user.listing();
    const listed = await listedAmong(listing, listMatcher([pattern]));
    for (const entry of mailboxTree(listing, listed)) {
      // With `%`, a parent that is not subscribed stands for its children.
      const parent = !entry.subscribed && entry.childSubscribed && pattern.includes('%');
      if (!(entry.subscribed || parent) || !listed(entry.name)) continue;
      session.out.untagged(`LSUB (${parent || !entry.info ? '\\Noselect' : ''}) "/" `, mailboxPiece(entry.name, session));
      await session.out.ready();
    }
    return ok('Done');
  },
};
