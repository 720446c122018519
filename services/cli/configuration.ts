// The configuration that a command goes by: --config, else STAFETTE_CONFIG, else the built-in one. What can fail: it cannot be read (CommandError)
// or is wrong (ConfigError).
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { builtinConfig } from '#shared/config/builtin.ts';
import { parseConfig } from '#shared/config/load.ts';
import type { Config } from '#shared/config/schema.ts';
import type { Options } from './arguments.ts';
import { CommandError } from './usage-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The file's name, when there is one. */
export function configFile(options: Options, environment: Environment): string | undefined {
  return options.config ?? environment['STAFETTE_CONFIG'];
}

/** The files that it names are not looked at: they may be another user's. */
export function configurationOf(options: Options, environment: Environment): Config {
  const file = configFile(options, environment);
  if (file === undefined) return builtinConfig();
  const config = parseConfig(readText(file, 'the configuration'), file, environment);
  return { ...config, data_dir: resolve(config.data_dir) };
}

export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const hint = code === 'ENOENT' ? ': is Stafette running with another configuration (--config), or in another folder?' : '';
    throw new CommandError(`${what} ${file} cannot be read (${code})${hint}`);
  }
}
