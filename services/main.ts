// The one program: every role, all-in-one or apart. Reads the command line and hands over to services/supervisor.
import { fileURLToPath } from 'node:url';
import { parseArguments, USAGE } from './supervisor/arguments.ts';
import { operatorLines } from './supervisor/operator-error.ts';

// Whatever we create is ours alone: mail, keys, passwords, sockets.
process.umask(0o077);

try {
  const options = parseArguments(process.argv.slice(2));
  if (options === null) process.stdout.write(USAGE);
  else if (options.mode.kind === 'supervised') (await import('./supervisor/child.ts')).runSupervised(options.mode.roles);
  else await (await import('./supervisor/start.ts')).start(options, fileURLToPath(import.meta.url));
} catch (error) {
  const lines = operatorLines(error);
  if (lines === null) throw error;
  for (const line of lines) process.stderr.write(`stafette: ${line}\n`);
  process.exitCode = 1;
}
