// The pass-through as a target: no relay at all, the ceiling of the load test itself. One destination only.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '#shared/testing/free-port.ts';
import { endProcess, greets, startProcess, untilReady } from './child.ts';
import type { Target, TargetOptions } from './target.ts';

/** Starts it and waits until the sink's greeting comes through. */
export async function startPassthrough({ directory, destinations }: TargetOptions): Promise<Target> {
  const port = await freePort();
  const mark = `passthrough-${process.pid}-${port}`;
  const script = fileURLToPath(new URL('passthrough-process.ts', import.meta.url));
  const args = [script, `${port}`, `${destinations.port}`, destinations.addresses[0] ?? '127.0.0.1'];
  const child = startProcess(process.execPath, args, join(directory, 'output'), process.env, mark);
  await untilReady(child, mark, () => greets(port));
  return { name: 'passthrough', version: process.version, port, mark, roots: () => [child.pid], stop: () => endProcess(child, mark) };
}
