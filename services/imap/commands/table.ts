// Every command by its name. Whoever looks for what we do with what a client says begins here.
import { fetch, uidFetch } from '../fetch/fetch-commands.ts';
import { search, uidSearch } from '../search/search-commands.ts';
import { sort, uidSort } from '../search/sort-commands.ts';
import { thread, uidThread } from '../search/thread-commands.ts';
import { append, isMessageLiteral } from './append-command.ts';
import { authenticate } from './authenticate-command.ts';
import { capability } from './capability-command.ts';
import { check } from './check-command.ts';
import { close } from './close-command.ts';
import type { Command } from './command.ts';
import { copy, uidCopy } from './copy-command.ts';
import { create } from './create-command.ts';
import { deleteMailbox } from './delete-command.ts';
import { enable } from './enable-command.ts';
import { examine } from './examine-command.ts';
import { expunge, uidExpunge } from './expunge-commands.ts';
import { getQuota } from './get-quota-command.ts';
import { getQuotaRoot } from './get-quota-root-command.ts';
import { id } from './id-command.ts';
import { idle } from './idle-command.ts';
import { list } from './list-command.ts';
import { login } from './login-command.ts';
import { logout } from './logout-command.ts';
import { lsub } from './lsub-command.ts';
import { move, uidMove } from './move-command.ts';
import { namespace } from './namespace-command.ts';
import { noop } from './noop-command.ts';
import { rename } from './rename-command.ts';
import { select } from './select-command.ts';
import { starttls } from './starttls-command.ts';
import { status } from './status-command.ts';
import { store, uidStore } from './store-commands.ts';
import { subscribe } from './subscribe-command.ts';
import { unselect } from './unselect-command.ts';
import { unsubscribe } from './unsubscribe-command.ts';

const COMMANDS: readonly Command[] = [
  // Any state: RFC 9051 section 6.1.
  ...[capability, noop, logout, id],
  // Before authentication: RFC 9051 section 6.2.
  ...[starttls, authenticate, login],
  // Authenticated: RFC 9051 section 6.3.
  ...[enable, select, examine, create, deleteMailbox, rename, subscribe, unsubscribe, list, lsub, namespace, status, append, idle, getQuota, getQuotaRoot],
  // Selected: RFC 9051 section 6.4.
  ...[check, close, unselect, expunge, uidExpunge, store, uidStore, copy, uidCopy, move, uidMove],
  ...[fetch, uidFetch, search, uidSearch, sort, uidSort, thread, uidThread],
];

const BY_NAME: ReadonlyMap<string, Command> = new Map(COMMANDS.map((command) => [command.name, command]));

/** By its name in upper case; undefined when there is none. */
export function commandNamed(name: string): Command | undefined {
  return BY_NAME.get(name);
}

/** True when the command that begins with this text takes the literal at its end as a stream. */
export const takesStream = isMessageLiteral;
