// EXPUNGE (RFC 9051 section 6.4.3) and UID EXPUNGE (RFC 9051 section 6.4.9, RFC 4315 section 2.1). The news tells what went.
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import { type Completion, no, ok } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import type { SequenceSet } from '../syntax/sequence-set.ts';
import { type Command, MAILBOX_SELECTED, noArguments } from './command.ts';

export const expunge: Command<void> = {
  name: 'EXPUNGE',
  states: MAILBOX_SELECTED,
  parse: noArguments,
  run: (session) => run(session, [[1, session.mailbox.uids.at(-1) ?? 1]]),
};

export const uidExpunge: Command<SequenceSet> = {
  name: 'UID EXPUNGE',
  states: MAILBOX_SELECTED,
  parse(args) {
    args.space();
    const set = args.sequenceSet();
    args.end();
    return set;
  },
  run: (session, set) => run(session, session.mailbox.resolve(set, 'uid')),
};

async function run({ mailbox, features }: Session, uids: UidSet): Promise<Completion> {
  if (mailbox.readOnly) return no('The mailbox is open read-only', 'CANNOT');
  const { uids: gone, highestmodseq } = await mailbox.store.expunge(uids, 'deleted');
  mailbox.view.expectNews();
  // RFC 7162 section 3.2.7.
  return gone.length > 0 && features.condstore ? ok('Expunged', `HIGHESTMODSEQ ${highestmodseq}`) : ok('Expunged');
}
