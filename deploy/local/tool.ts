// Runs one tool of node_modules as a child process on this Node.js. It owns the child, which ends with us.
import { spawn } from 'node:child_process';

export type ToolResult = { readonly code: number; readonly output: string };

/** Runs `node SCRIPT ARGUMENT...` in `root`; its output is returned, or shown as it comes. */
export async function runTool(root: string, script: readonly string[], output: 'return' | 'show' = 'return'): Promise<ToolResult> {
  const pipe = output === 'show' ? 'inherit' : 'pipe';
  const child = spawn(process.execPath, script, { cwd: root, stdio: ['ignore', pipe, pipe] });
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  process.once('SIGINT', pass).once('SIGTERM', pass);
  const code = await new Promise<number>((resolve, reject) => child.once('error', reject).once('close', (status) => resolve(status ?? 1)));
  process.off('SIGINT', pass).off('SIGTERM', pass);
  return { code, output: Buffer.concat(said).toString() };
}
