// Which recipients of a request can go to this next hop at all, and how their addresses are written there: SIZE, SMTPUTF8
// and paths that would not be one line. Pure; what cannot go has its outcome before a command is sent.
import { asciiAddress, isAscii, parseAddress } from '#shared/mail/address.ts';
import type { EnvelopeRecipient } from '#shared/mail/envelope.ts';
import type { Failed } from '#shared/smtp/outcome.ts';
import { isPath } from './commands.ts';
import type { RecipientResult, Session, TransactionRequest } from './request.ts';

export interface Addressed {
  /** The request with what can go, or null when nothing can. */
  readonly going: TransactionRequest | null;
  /** One per recipient of the whole request; undefined for those that go. */
  readonly results: readonly (RecipientResult | undefined)[];
}

export function addressed(request: TransactionRequest, { facts, offered }: Pick<Session, 'facts' | 'offered'>): Addressed {
  const fail = (status: string, diagnostic: string): Failed => ({ kind: 'failed', status, diagnostic, ...facts });
  const none = (failed: Failed): Addressed => ({ going: null, results: request.recipients.map(() => failed) });
  // RFC 1870 section 6.3: over the announced limit, MAIL would be refused.
  if (offered.size !== undefined && offered.size > 0 && request.size > offered.size) {
    return none(fail('5.3.4', `The message has ${request.size} octets; the next hop takes ${offered.size}`));
  }
  const write = (address: string, syntax: string) => written(address, offered.smtpUtf8, (status, text) => fail(status ?? syntax, text));
  const reversePath = request.reversePath === '' ? '' : write(request.reversePath, '5.1.7');
  if (typeof reversePath !== 'string') return none(reversePath);

  const recipients: EnvelopeRecipient[] = [];
  const results = request.recipients.map((recipient) => {
    const address = write(recipient.address, '5.1.3');
    if (typeof address !== 'string') return address;
    recipients.push(address === recipient.address ? recipient : { ...recipient, address });
    return undefined;
  });
  if (recipients.length === 0) return { going: null, results };
  const smtputf8 = request.smtputf8 || !isAscii(reversePath) || recipients.some(({ address }) => !isAscii(address));
  return { going: { ...request, reversePath, recipients, smtputf8 }, results };
}

/** The address as it goes there. RFC 6531 section 3.5: one that needs SMTPUTF8 and cannot have it fails; a domain alone has its A-labels. */
function written(address: string, utf8: boolean, fail: (status: string | null, diagnostic: string) => Failed): string | Failed {
  if (!isPath(address)) return fail(null, 'The address cannot be written as one path');
  if (utf8 || isAscii(address)) return address;
  const parsed = parseAddress(address);
  const ascii = parsed.ok ? asciiAddress(parsed.value) : null;
  return ascii ?? fail('5.6.7', 'The next hop does not take internationalised addresses (no SMTPUTF8)');
}
