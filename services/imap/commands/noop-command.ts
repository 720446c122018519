// NOOP (RFC 9051 section 6.1.2) and CHECK (RFC 3501 section 6.4.1): a look at what is new. There is nothing else for CHECK to do.
import { ok } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { ANY_STATE, type Command, MAILBOX_SELECTED, noArguments } from './command.ts';

/** Who asks gets the store's word, even when a notification was lost. */
function look({ selected }: Session) {
  selected?.view.expectNews();
  return ok('Done');
}

export const noop: Command<void> = { name: 'NOOP', states: ANY_STATE, tells: 'news', parse: noArguments, run: look };
export const check: Command<void> = { name: 'CHECK', states: MAILBOX_SELECTED, tells: 'news', parse: noArguments, run: look };
