// The command line of main.ts. What can fail: an unknown option or role (OperatorError).
import { parseArgs } from 'node:util';
import { ROLES, type Role } from '#shared/protocol/topology.ts';
import { OperatorError } from './operator-error.ts';

export interface StartOptions {
  /** The configuration file; without it the built-in one is in force. */
  readonly config: string | null;
  /**
   * - `all-in-one`: every role, ingress in a process of its own where there are two cores.
   * - `split`: `copies` supervised processes of each role.
   * - `roles`: just these, in this process.
   * - `supervised`: the same, started and configured by one of the first two over IPC.
   */
  readonly mode:
    | { readonly kind: 'all-in-one' }
    | { readonly kind: 'split'; readonly copies: number }
    | { readonly kind: 'roles' | 'supervised'; readonly roles: readonly Role[] };
}

export const USAGE = `usage: npm start -- [--config FILE] [--split[=COPIES] | --role ROLE[,ROLE]]

  --config FILE     YAML configuration; without it localhost is served on loopback
  --split[=COPIES]  one supervised process (or COPIES) for each role
  --role ROLE,...   run just these roles, in this process: ${ROLES.join(', ')}
  --help            this text
`;

/** Reads the arguments after the script's name; null asks for help. Throws OperatorError. */
export function parseArguments(argv: readonly string[]): StartOptions | null {
  const { values } = parse(argv);
  if (values.help) return null;
  if (values.split !== undefined && values.role !== undefined) throw new OperatorError('--split and --role exclude each other');
  return { config: values.config ?? null, mode: modeOf(values) };
}

function parse(argv: readonly string[]) {
  // The value of --split is optional, which parseArgs does not know.
  const args = argv.map((word) => (word === '--split' ? '--split=1' : word));
  try {
    return parseArgs({
      args,
      options: {
        config: { type: 'string' },
        split: { type: 'string' },
        role: { type: 'string' },
        supervised: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new OperatorError(`${(error as Error).message}\n${USAGE}`);
  }
}

function modeOf({ split, role, supervised }: { split?: string; role?: string; supervised?: boolean }): StartOptions['mode'] {
  if (role !== undefined) return { kind: supervised ? 'supervised' : 'roles', roles: [...new Set(role.split(',').map(roleNamed))] };
  if (split === undefined) return { kind: 'all-in-one' };
  const copies = Number(split);
  if (!Number.isInteger(copies) || copies < 1 || copies > 64) throw new OperatorError(`--split=${split}: expected a number of processes from 1 to 64`);
  return { kind: 'split', copies };
}

function roleNamed(name: string): Role {
  const role = ROLES.find((known) => known === name.trim());
  if (!role) throw new OperatorError(`--role ${name}: expected one of ${ROLES.join(', ')}`);
  return role;
}
