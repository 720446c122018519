// EXAMINE (RFC 9051 section 6.3.3): SELECT of a mailbox that is only read.
import type { Command } from './command.ts';
import { open, type SelectArguments, select } from './select-command.ts';

export const examine: Command<SelectArguments> = { ...select, name: 'EXAMINE', run: (session, args) => open(session, args, true) };
