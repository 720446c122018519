// The spool's scripts: every transition of a message's life is one of these.
import { defineScript } from '#shared/actor/scripts.ts';

const LIBRARIES = ['ranges', 'record'].map((file) => new URL(`./lua/${file}.lua`, import.meta.url));
const own = (file: string, options = {}, name = file) => defineScript(name, new URL(`./lua/${file}.lua`, import.meta.url), options, LIBRARIES);

export const spoolScripts = {
  /** New mail: refused when memory is full, and never stored twice. */
  commit: own('commit', { denyOom: true, answer: 1 }),
  /** The same for messages of our own, which may draw on the reserve. */
  commitReserve: own('commit', { answer: 1 }, 'commit_reserve'),
  expand: own('expand'),
  tellOn: own('tell_on'),
  settle: own('settle'),
  conclude: own('conclude'),
  move: own('move'),
  report: own('report'),
  warn: own('warn'),
  drop: own('drop'),
  park: own('park'),
  hold: own('hold'),
  unhold: own('unhold'),
  remove: own('remove'),
  hurry: own('hurry'),
  cool: own('cool'),
  note: own('note'),
  probe: own('probe'),
} as const;
