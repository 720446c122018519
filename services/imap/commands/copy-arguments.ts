// What COPY and MOVE share: their arguments, and how they answer.
import type { Copied } from '#shared/mailstore/mailbox-store.ts';
import type { UidSet } from '#shared/mailstore/uid-set.ts';
import { type Completion, no } from '../response/completion.ts';
import type { Naming, SelectedMailbox } from '../session/selected-mailbox.ts';
import { formatNumbers, type SequenceSet } from '../syntax/sequence-set.ts';
import type { Command } from './command.ts';
import { mailboxArgument } from './mailbox-argument.ts';

export interface CopyArguments {
  readonly set: SequenceSet;
  readonly to: string;
}

export function readCopyArguments(...[args, session]: Parameters<Command['parse']>): CopyArguments {
  args.space();
  const set = args.sequenceSet();
  const to = mailboxArgument(args, session);
  args.end();
  return { set, to };
}

/** Messages that the client takes for present; it may name UIDs without a message (RFC 9051 section 6.4.9), and `$`. */
export function namesMessages({ kind }: SequenceSet, naming: Naming, uids: UidSet): boolean {
  return naming === 'sequence' && kind === 'numbers' && uids.length > 0;
}

/** RFC 5530 section 3: an OK would say that the client can forget its messages. */
export function allExpunged({ view }: SelectedMailbox): Completion {
  view.expectNews();
  return no('The messages were expunged', 'EXPUNGEISSUED');
}

/** RFC 4315 section 3. Undefined when nothing was copied. */
export function copyuid({ uidvalidity, from, to }: Copied): string | undefined {
  return from.length === 0 ? undefined : `COPYUID ${uidvalidity} ${formatNumbers(from)} ${formatNumbers(to)}`;
}
