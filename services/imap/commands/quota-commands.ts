// GETQUOTA and GETQUOTAROOT (RFC 9208 section 4.1): one quota root, named "", for all mailboxes of an account. Only the operator sets it.
import { no, ok } from '../response/completion.ts';
import type { Session } from '../session/session.ts';
import { type Command, LOGGED_IN } from './command.ts';
import { mailboxPiece, onlyMailbox } from './mailbox-argument.ts';

/** RFC 9208 section 5.1: STORAGE counts these. */
const UNIT = 1024;

export const getQuota: Command<string> = {
  name: 'GETQUOTA',
  states: LOGGED_IN,
  parse(args) {
    args.space();
    const root = args.astring();
    args.end();
    return root;
  },
  async run(session, root) {
    if (root !== '') return no('There is no such quota root', 'NONEXISTENT');
    await tellQuota(session);
    return ok('Done');
  },
};

export const getQuotaRoot: Command<string> = {
  name: 'GETQUOTAROOT',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run(session, name) {
    if (!(await session.user.find(name))) return no('There is no such mailbox', 'NONEXISTENT');
    session.out.untagged('QUOTAROOT ', mailboxPiece(name, session), ' ""');
    await tellQuota(session);
    return ok('Done');
  },
};

/** RFC 9208 section 4.2: a resource without a limit is left out. */
async function tellQuota({ user, out }: Session): Promise<void> {
  const { usedBytes, limitBytes, usedMessages, limitMessages } = await user.quota();
  const storage = limitBytes === null ? [] : [`STORAGE ${Math.ceil(usedBytes / UNIT)} ${Math.floor(limitBytes / UNIT)}`];
  const messages = limitMessages === null ? [] : [`MESSAGE ${usedMessages} ${limitMessages}`];
  out.untagged(`QUOTA "" (${[...storage, ...messages].join(' ')})`);
}
