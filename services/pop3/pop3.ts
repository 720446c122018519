// What all POP3 sessions of this process share: the host, who may connect and log in, and the settings in force.
import { hostname } from 'node:os';
import type { AccessLimits } from '#shared/config/schema.ts';
import { Authenticator } from '#shared/session/authenticator.ts';
import { ConnectionCounts } from '#shared/session/connection-counts.ts';
import type { Host } from '../host.ts';

/** What pop3 uses of the host. */
export type Pop3Host = Pick<Host, 'config' | 'onReload' | 'log' | 'metrics' | 'clock' | 'directory' | 'mailstore'>;

export class Pop3 {
  readonly host: Pop3Host;
  readonly connections = new ConnectionCounts();
  readonly authenticator: Authenticator;
  /** Takes nothing new. */
  draining = false;

  constructor(host: Pop3Host) {
    this.host = host;
    this.authenticator = new Authenticator({ directory: host.directory, clock: host.clock, log: host.log, limits: () => this.limits });
  }

  get limits(): AccessLimits {
    return this.host.config().pop3.limits;
  }

  /** Milliseconds. */
  get idleTimeout(): number {
    return this.host.config().pop3.idle_timeout;
  }

  /** Our name in the greeting. */
  get hostname(): string {
    return this.host.config().hostname ?? hostname();
  }

  /** This process, for people who ask who holds a maildrop. */
  get holder(): string {
    return `pop3 ${hostname()} ${process.pid}`;
  }
}
