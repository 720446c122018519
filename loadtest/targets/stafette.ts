// Stafette as a target: started as a user would start it, with a configuration made for the run: default policies, logging to a
// file and metrics on. One destination is a smarthost for everything; several are found by DNS, from a name server of the run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ConfigInput } from '#shared/config/schema.ts';
import { freePort } from '#shared/testing/free-port.ts';
import { type NameServer, startNameServer } from '#shared/testing/name-server.ts';
import { startOptions } from '#shared/testing/start-options.ts';
import { ownVersion } from '../results.ts';
import { endProcess, greets, startProcess, untilReady } from './child.ts';
import type { Destinations, Target, TargetOptions } from './target.ts';

const MAIN = fileURLToPath(new URL('../../services/main.ts', import.meta.url));

/** Starts all roles and waits until they are ready. `settings.stafette` is laid over the configuration, key by key at the top. */
export async function startStafette({ directory, destinations, settings, split }: TargetOptions): Promise<Target> {
  const names = destinations.addresses.length > 1 ? await nameServerFor(destinations) : undefined;
  const [port, health, admin] = [await freePort(), await freePort(), await freePort()];
  const configuration: ConfigInput = {
    hostname: 'stafette.load.example',
    data_dir: join(directory, 'data'),
    ingress: { listeners: [{ address: '127.0.0.1', port, kind: 'relay', tls: 'none' }], trusted_networks: ['127.0.0.0/8'] },
    postmaster: 'postmaster@elsewhere.example',
    health: { address: '127.0.0.1', port: health },
    imap: { listeners: [] },
    pop3: { listeners: [] },
    admin: { address: '127.0.0.1', port: admin },
    log: { file: join(directory, 'stafette.log') },
    ...routing(destinations, names),
    ...(settings?.['stafette'] as Partial<ConfigInput> | undefined),
  };
  // Apart from the log: whoever starts Stafette watches the directory of its configuration.
  const file = join(directory, 'etc', 'stafette.yaml');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stringify(configuration));
  const mark = `stafette-${process.pid}-${port}`;
  const args = [...startOptions(), MAIN, '--config', file, ...(split === undefined ? [] : [`--split=${split}`])];
  const main = startProcess(process.execPath, args, join(directory, 'output'), process.env, mark);
  const stop = async () => {
    await endProcess(main, mark);
    await names?.close();
  };
  const page = (path: string) => fetch(`http://127.0.0.1:${health}${path}`);
  try {
    await untilReady(main, mark, async () => (await answers(() => page('/readyz'))) && greets(port));
  } catch (error) {
    await names?.close();
    throw error;
  }
  return { name: 'stafette', version: ownVersion(), port, mark, roots: () => [main.pid], metrics: async () => (await page('/metrics')).text(), stop };
}

function routing({ addresses, port }: Destinations, names: NameServer | undefined): Pick<ConfigInput, 'routes' | 'resolver'> {
  if (!names) return { routes: { '*': { transport: 'smarthost', host: addresses[0] ?? '127.0.0.1', port, tls: 'none' } } };
  return {
    routes: { '*': { transport: 'dns' } },
    resolver: { servers: [`${names.host}:${names.port}`], smtp_port: port, allow_private: true },
  };
}

async function nameServerFor({ addresses }: Destinations): Promise<NameServer> {
  const names = await startNameServer();
  for (const [index, address] of addresses.entries()) {
    names.set(`d${index}.load.example`, 'MX', [{ preference: 10, exchange: `mx${index}.load.example` }]);
    names.set(`mx${index}.load.example`, 'A', [address]);
  }
  return names;
}

async function answers(request: () => Promise<Response>): Promise<boolean> {
  try {
    return (await request()).ok;
  } catch {
    return false; // not listening yet
  }
}
