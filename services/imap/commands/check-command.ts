// CHECK (RFC 3501 section 6.4.1): there is nothing for it to do but what NOOP does.
import { type Command, MAILBOX_SELECTED } from './command.ts';
import { noop } from './noop-command.ts';

export const check: Command<void> = { ...noop, name: 'CHECK', states: MAILBOX_SELECTED };
