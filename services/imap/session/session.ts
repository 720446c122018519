// One IMAP session as commands see it: who the client is, what it has enabled and selected, and the ways to it. No socket is needed here.
import type { AccountStore } from '#shared/mailstore/account-store.ts';
import type { ClientConnection } from '#shared/session/client-connection.ts';
import { clientKey } from '#shared/session/connection-counts.ts';
import type { SessionServer } from '#shared/session/session-server.ts';
import type { SessionState } from '../commands/command.ts';
import type { CommandReader } from '../connection/command-reader.ts';
import type { ResponseWriter } from '../connection/response-writer.ts';
import type { ImapServer } from '../imap-server.ts';
import { type Completion, no, ok } from '../response/completion.ts';
import type { LiteralAnnouncement } from '../syntax/command-text.ts';
import { capabilities } from './capabilities.ts';
import { Features } from './features.ts';
import { SelectedMailbox } from './selected-mailbox.ts';

export class Session {
  readonly server: ImapServer;
  /** The port that the client came to. */
  readonly listener: SessionServer;
  readonly connection: ClientConnection;
  readonly out: ResponseWriter;
  readonly reader: CommandReader;
  /** RFC 7162 section 3.1.2.1: who enables CONDSTORE with a mailbox open is told where it stands. */
  readonly features = new Features(() => {
    if (this.selected) this.out.untagged(`OK [HIGHESTMODSEQ ${this.selected.moment.highestmodseq}] Highest`);
  });
  account: AccountStore | null = null;
  selected: SelectedMailbox | null = null;
  /** The literal that the command under way ends with, not yet asked for: APPEND takes it. */
  pending: LiteralAnnouncement | null = null;
  /** Of the command under way. */
  tag = '';
  /** Done after the tagged response. */
  afterwards: 'go on' | 'start TLS' | 'close' = 'go on';
  #authFailures = 0;

  constructor(facts: Pick<Session, 'server' | 'listener' | 'connection' | 'out' | 'reader'>) {
    this.server = facts.server;
    this.listener = facts.listener;
    this.connection = facts.connection;
    this.out = facts.out;
    this.reader = facts.reader;
  }

  get state(): SessionState {
    if (!this.account) return 'not authenticated';
    return this.selected ? 'selected' : 'authenticated';
  }

  /** The account; only for commands that need authentication. */
  get user(): AccountStore {
    if (!this.account) throw new Error('nobody is authenticated');
    return this.account;
  }

  /** The selected mailbox; only for commands of the selected state. */
  get mailbox(): SelectedMailbox {
    if (!this.selected) throw new Error('no mailbox is selected');
    return this.selected;
  }

  /** Passwords are taken now: over TLS, or from loopback where the operator says so. RFC 9051 section 6.2.3. */
  get takesPasswords(): boolean {
    return this.listener.passwordsAllowed(this.connection);
  }

  /** STARTTLS can be given now. RFC 9051 section 6.2.1. */
  get offersTls(): boolean {
    return this.listener.starttls !== null && this.connection.tls === null && this.account === null;
  }

  /** `CAPABILITY IMAP4rev1 ...`, for the response and for the response code. */
  get capabilityLine(): string {
    const { account, offersTls, takesPasswords, server } = this;
    const facts = { authenticated: account !== null, startTls: offersTls, passwords: takesPasswords, appendLimit: server.appendLimit };
    return `CAPABILITY ${capabilities(facts).join(' ')}`;
  }

  /** Leaves the selected mailbox, if there is one. `closed`: says so, because another one follows (RFC 9051 section 7.1, CLOSED). */
  deselect(closed = false): void {
    if (!this.selected) return;
    this.selected.close();
    this.selected = null;
    if (closed) this.out.untagged('OK [CLOSED] Previous mailbox is closed');
  }

  /** Opens a mailbox in place of the one that is selected; null when there is none. Throws as the store does. Then none is selected. */
  async select(name: string, readOnly: boolean): Promise<SelectedMailbox | null> {
    const { user: account, out, features } = this;
    const opened = await this.server.views.open(account, name, !readOnly);
    this.selected = opened && new SelectedMailbox(opened, { name: opened.view.name, readOnly, account, out, features });
    return this.selected;
  }

  /** Gives everything back. */
  end(): void {
    this.deselect();
    if (this.account) this.server.accounts.release(this.account);
    this.account = null;
  }

  /** Ends the session for a reason of ours: RFC 9051 section 7.1.5. */
  bye(text: string): void {
    this.out.untagged(`BYE ${text}`);
    this.afterwards = 'close';
  }

  /** Checks a password, counts and delays failures; on success the session is authenticated. */
  async authenticate(credentials: { readonly user: string; readonly password: string }): Promise<Completion> {
    const { server, listener, connection } = this;
    const client = connection.addressKnown ? connection.address : null;
    const checked = await server.authenticator.check(credentials, client, connection.closed);
    server.host.metrics.logins.inc({ role: 'imap', result: checked.kind });
    switch (checked.kind) {
      case 'authenticated':
        this.account = await server.accounts.open(checked.account.address);
        connection.patience = server.host.config().imap.idle_timeout;
        server.host.log.debug({ client, listener: listener.label, user: checked.account.address }, 'authenticated');
        return ok('Logged in', this.capabilityLine);
      case 'refused':
        return this.#refuse();
      case 'throttled':
        // RFC 5530 section 3 has no code for it; LIMIT comes closest.
        return no('Too many failed attempts, try again later', 'LIMIT');
      case 'unavailable':
        return no('Passwords cannot be checked now, try again later', 'UNAVAILABLE');
    }
  }

  #refuse(): Completion {
    const { server, listener, connection } = this;
    this.#authFailures++;
    server.host.log.info({ client: clientKey(connection.address), listener: listener.label }, 'authentication failed');
    if (this.#authFailures >= server.limits.auth_failures) this.bye('Too many failed attempts');
    return no('Authentication failed', 'AUTHENTICATIONFAILED');
  }
}
