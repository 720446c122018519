// The command table (RFC 1939 section 9).
import type { Command } from '../conversation.ts';
import { auth } from './auth.ts';
import { capa } from './capa.ts';
import { dele } from './dele.ts';
import { lang } from './lang.ts';
import { list } from './list.ts';
import { noop } from './noop.ts';
import { pass } from './pass.ts';
import { quit } from './quit.ts';
import { retr } from './retr.ts';
import { rset } from './rset.ts';
import { stat } from './stat.ts';
import { stls } from './stls.ts';
import { top } from './top.ts';
import { uidl } from './uidl.ts';
import { user } from './user.ts';
import { utf8 } from './utf8.ts';

export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    CAPA: capa,
    STLS: stls,
    UTF8: utf8,
    LANG: lang,
    USER: user,
    PASS: pass,
    AUTH: auth,
    STAT: stat,
    LIST: list,
    UIDL: uidl,
    RETR: retr,
    TOP: top,
    DELE: dele,
    RSET: rset,
    NOOP: noop,
    QUIT: quit,
  }),
);
