// ID (RFC 2971): who speaks. The client's word is read and forgotten; ours has no version, which would help only who looks for holes.
import { ok } from '../response/completion.ts';
import { BadSyntax } from '../syntax/bad-syntax.ts';
import { ANY_STATE, type Command } from './command.ts';

/** RFC 2971 section 3.3: no more fields than this. */
const MOST_FIELDS = 30;

export const id: Command<void> = {
  name: 'ID',
  states: ANY_STATE,
  parse(args) {
    args.space();
    if (!args.takeKeyword('NIL')) {
      const strings = args.list(() => args.nstring(), 'may be empty');
      if (strings.length > 2 * MOST_FIELDS || strings.length % 2 !== 0) throw new BadSyntax('Expected up to 30 fields and their values');
    }
    args.end();
  },
  run(session) {
    session.out.untagged('ID ("name" "Stafette")');
    return ok('Pleased to meet you');
  },
};
