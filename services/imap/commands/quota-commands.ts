// GETQUOTA and GETQUOTAROOT (RFC 9208 section 4.1): one quota root, named "", for all mailboxes of an account that has a limit, and none where it has
// not, for a QUOTA response must name a resource (RFC 9208 section 7). Only the operator sets it.
import type { Quota } from '#shared/mailstore/account-store.ts';
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
    const resources = root === '' ? limited(await session.user.quota()) : '';
    if (resources === '') return no('There is no such quota root', 'NONEXISTENT');
    tellQuota(session, resources);
    return ok('Done');
  },
};

export const getQuotaRoot: Command<string> = {
  name: 'GETQUOTAROOT',
  states: LOGGED_IN,
  parse: onlyMailbox,
  async run(session, name) {
    if (!(await session.user.find(name))) return no('There is no such mailbox', 'NONEXISTENT');
    const resources = limited(await session.user.quota());
    session.out.untagged('QUOTAROOT ', mailboxPiece(name, session), resources === '' ? '' : ' ""');
    if (resources !== '') tellQuota(session, resources);
    return ok('Done');
  },
};

function tellQuota({ out }: Session, resources: string): void {
  out.untagged(`QUOTA "" (${resources})`);
}

/** What has a limit, and how much of it is used (RFC 9208 section 4.2). */
function limited({ usedBytes, limitBytes, usedMessages, limitMessages }: Quota): string {
  const storage = limitBytes === null ? [] : [`STORAGE ${Math.ceil(usedBytes / UNIT)} ${Math.floor(limitBytes / UNIT)}`];
  const messages = limitMessages === null ? [] : [`MESSAGE ${usedMessages} ${limitMessages}`];
  return [...storage, ...messages].join(' ');
}
