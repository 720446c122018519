// CAPABILITY (RFC 9051 section 6.1.1).
import { ok } from '../response/completion.ts';
import { ANY_STATE, type Command, noArguments } from './command.ts';

export const capability: Command<void> = {
  name: 'CAPABILITY',
  states: ANY_STATE,
  parse: noArguments,
  run(session) {
    session.out.untagged(session.capabilityLine);
    return ok('These are my capabilities');
  },
};
