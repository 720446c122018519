// The configuration in force when no file is given: domain localhost on loopback, with a demo account.
import { resolve } from 'node:path';
import { type Config, schema } from './schema.ts';

export const DEMO_ACCOUNT = 'demo@localhost';

/** Serves `localhost` on the default loopback ports; the demo account's hash is added at start. */
export function builtinConfig(): Config {
  const config = schema.parse({ hostname: 'localhost', domains: { localhost: {} }, accounts: [{ address: DEMO_ACCOUNT }], postmaster: DEMO_ACCOUNT });
  return { ...config, data_dir: resolve(config.data_dir) };
}
