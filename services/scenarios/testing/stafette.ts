// The command line as an operator types it, with the configuration of a product that runs.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Product } from '#shared/testing/product.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** Runs `stafette ARGS`; resolves with what it printed and its exit status. */
export async function stafette({ home }: Pick<Product, 'home'>, args: readonly string[], input = '') {
  const child = spawn(process.execPath, [MAIN, ...args, '--config', join(home, 'config.yaml')], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { out, err, status };
}
