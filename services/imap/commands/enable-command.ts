// ENABLE (RFC 9051 section 6.3.1, RFC 5161): unknown names are passed over.
import { ok } from '../response/completion.ts';
import { ENABLEABLE, type Feature } from '../session/features.ts';
import { type Command, LOGGED_IN } from './command.ts';

/** As we write them. */
const SPELLING: Readonly<Record<Feature, string>> = { CONDSTORE: 'CONDSTORE', QRESYNC: 'QRESYNC', 'UTF8=ACCEPT': 'UTF8=ACCEPT', IMAP4REV2: 'IMAP4rev2' };

export const enable: Command<readonly string[]> = {
  name: 'ENABLE',
  states: LOGGED_IN,
  parse(args) {
    const names: string[] = [];
    do {
      args.space();
      names.push(args.keyword());
    } while (!args.atEnd);
    return names;
  },
  run(session, names) {
    const known = ENABLEABLE.filter((feature) => names.includes(feature));
    const enabled = known.filter((feature) => session.features.enable(feature));
    session.out.untagged(['ENABLED', ...enabled.map((feature) => SPELLING[feature])].join(' '));
    return ok('Enabled');
  },
};
