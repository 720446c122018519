// COPY (RFC 9051 section 6.4.7) and UID COPY, with COPYUID.
import { ok, refused } from '../response/completion.ts';
import type { Naming } from '../session/selected-mailbox.ts';
import { type Command, MAILBOX_SELECTED } from './command.ts';
import { allExpunged, type CopyArguments, copyuid, namesMessages, readCopyArguments } from './copy-arguments.ts';

export const copy = copyCommand('COPY', 'sequence');
export const uidCopy = copyCommand('UID COPY', 'uid');

function copyCommand(name: string, naming: Naming): Command<CopyArguments> {
  return {
    name,
    states: MAILBOX_SELECTED,
    parse: readCopyArguments,
    async run({ mailbox }, { set, to }) {
      const uids = mailbox.resolve(set, naming);
      const copied = await mailbox.store.copy(uids, to);
      if (copied.kind === 'refused') return refused(copied);
      if (copied.from.length === 0 && namesMessages(set, naming, uids)) return allExpunged(mailbox);
      return ok('Copied', copyuid(copied));
    },
  };
}
