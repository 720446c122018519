// What GETQUOTA and GETQUOTAROOT tell (RFC 9208 section 4.2): one quota root, named "", for all mailboxes of an account that has a limit, and none where
// it has not, for a QUOTA response must name a resource (RFC 9208 section 7). Only the operator sets it.
import type { Quota } from '#shared/mailstore/account-store.ts';
import type { Session } from '../session/session.ts';

/** RFC 9208 section 5.1: STORAGE counts these. */
const UNIT = 1024;

export function tellQuota({ out }: Session, resources: string): void {
  out.untagged(`QUOTA "" (${resources})`);
}

/** What has a limit, and how much of it is used; '' where nothing has one. */
export function limited({ usedBytes, limitBytes, usedMessages, limitMessages }: Quota): string {
  const storage = limitBytes === null ? [] : [`STORAGE ${Math.ceil(usedBytes / UNIT)} ${Math.floor(limitBytes / UNIT)}`];
  const messages = limitMessages === null ? [] : [`MESSAGE ${usedMessages} ${limitMessages}`];
  return [...storage, ...messages].join(' ');
}
