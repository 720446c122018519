// Scripts: small Lua files, each handling many items in one call. The frame and the mailbox library are put around
// each, so a script file holds only `apply`, what it does with one item.
import { readFileSync } from 'node:fs';

/** A script as given to ioredis: `name` is also the command's name on the client. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  /** False for what must not run twice. */
  readonly repeatable: boolean;
  /** Refused while memory is full: it takes new mail in. */
  readonly denyOom: boolean;
  /** The reply to give when a transaction is known to have run but its replies are lost; without one the script runs again. */
  readonly answer?: unknown;
}

interface ScriptOptions {
  /** Refuse under OOM: only for what takes new mail in. Everything else must go on, for it frees memory. */
  readonly denyOom?: boolean;
  readonly repeatable?: boolean;
  readonly answer?: unknown;
}

const read = (file: string | URL) => readFileSync(file, 'utf8');
const LIBRARY = read(new URL('./lua/mailbox.lua', import.meta.url));
const FRAME = read(new URL('./lua/frame.lua', import.meta.url));

/** Builds a script from `apply` in `file` and more library files. */
export function defineScript(name: string, file: URL, options: ScriptOptions = {}, libraries: readonly URL[] = []): Script {
  const flags = options.denyOom ? '#!lua\n' : '#!lua flags=allow-oom\n';
  const parts = [`${flags}local base, wakes, after = KEYS[1], {}, nil`, LIBRARY, ...libraries.map(read), read(file), FRAME];
  return { name: `stafette_${name}`, lua: parts.join('\n'), repeatable: options.repeatable ?? true, denyOom: options.denyOom ?? false, answer: options.answer };
}

const own = (name: string, options?: ScriptOptions, libraries: readonly string[] = []) => defineScript(name, fileOf(name), options, libraries.map(fileOf));
const fileOf = (name: string) => new URL(`./lua/${name}.lua`, import.meta.url);

/** The runtime's own scripts. */
export const scripts = {
  tell: own('tell'),
  start: own('start', {}, ['fair_share']),
  pull: own('pull'),
  release: own('release', {}, ['fair_share']),
  renew: own('renew'),
  heartbeat: own('heartbeat', {}, ['fair_share']),
  acknowledge: own('acknowledge'),
  postpone: own('postpone'),
  bury: own('bury'),
  exhume: own('exhume', { repeatable: false }),
  sweepKeys: own('sweep_keys', {}, ['fair_share']),
  sweepPool: own('sweep_pool'),
  depth: own('depth'),
} as const;
