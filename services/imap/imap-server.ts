// What all IMAP sessions of this process share: the host, who may connect and log in, and the mailboxes that are open.
import { hostname } from 'node:os';
import type { AccessLimits } from '#shared/config/schema.ts';
import { Authenticator } from '#shared/session/authenticator.ts';
import { ConnectionCounts } from '#shared/session/connection-counts.ts';
import type { Host } from '../host.ts';
import { Accounts } from './mailbox/accounts.ts';
import { MailboxViews } from './mailbox/mailbox-views.ts';

/** What imap uses of the host. */
export type ImapHost = Pick<Host, 'config' | 'onReload' | 'log' | 'metrics' | 'clock' | 'directory' | 'mailstore'>;

export class ImapServer {
  readonly host: ImapHost;
  readonly connections = new ConnectionCounts();
  readonly authenticator: Authenticator;
  readonly accounts: Accounts;
  readonly views: MailboxViews;

  constructor(host: ImapHost) {
    this.host = host;
    this.authenticator = new Authenticator({ directory: host.directory, clock: host.clock, log: host.log, limits: () => this.limits });
    this.accounts = new Accounts(host.mailstore);
    this.views = new MailboxViews(host, this.accounts);
  }

  get limits(): AccessLimits {
    return this.host.config().imap.limits;
  }

  /** Octets of a message that APPEND takes, as the ingress does (RFC 7889). */
  get appendLimit(): number {
    return this.host.config().ingress.limits.message_size;
  }

  /** Our name in the greeting. */
  get hostname(): string {
    return this.host.config().hostname ?? hostname();
  }
}
