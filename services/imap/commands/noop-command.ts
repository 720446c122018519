// NOOP (RFC 9051 section 6.1.2): a look at what is new.
import { ok } from '../response/completion.ts';
import { ANY_STATE, type Command, noArguments } from './command.ts';

export const noop: Command<void> = {
  name: 'NOOP',
  states: ANY_STATE,
  tells: 'news',
  parse: noArguments,
  run({ selected }) {
    // Who asks gets the store's word, even when a notification was lost.
    selected?.view.expectNews();
    return ok('Done');
  },
};
