// A supervising process for tests: starts one test child, writes its process id to the file named, and waits to be killed.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { builtinConfig } from '#shared/config/builtin.ts';
import { createLogger } from '#shared/telemetry/log.ts';
import { superviseProcess } from '../supervised-process.ts';

const module = fileURLToPath(new URL('child.ts', import.meta.url));
const child = superviseProcess({ name: 'child', module, args: [], config: () => builtinConfig(), log: createLogger('silent') });
await child.started;
writeFileSync(process.argv[2] as string, String(child.pid()));
