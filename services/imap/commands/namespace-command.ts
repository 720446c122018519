// NAMESPACE (RFC 9051 section 6.3.10, RFC 2342 section 5): one personal namespace, without prefix.
import { ok } from '../response/completion.ts';
import { type Command, LOGGED_IN, noArguments } from './command.ts';

export const namespace: Command<void> = {
  name: 'NAMESPACE',
  states: LOGGED_IN,
  parse: noArguments,
  run({ out }) {
    out.untagged('NAMESPACE (("" "/")) NIL NIL');
    return ok('These are the namespaces');
  },
};
