// CLOSE (RFC 9051 section 6.4.1): expunges in silence.
import { ok } from '../response/completion.ts';
import { type Command, MAILBOX_SELECTED, noArguments } from './command.ts';

/** Of all messages: whatever has \Deleted, seen by this session or not. */
const ALL = [[1, 0xffff_ffff]] as const;

export const close: Command<void> = {
  name: 'CLOSE',
  states: MAILBOX_SELECTED,
  parse: noArguments,
  async run(session) {
    const { mailbox } = session;
    session.deselect();
    if (!mailbox.readOnly) await mailbox.store.expunge(ALL, 'deleted');
    return ok('Closed');
  },
};
