import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findProgram } from '#shared/testing/process.ts';
import { tempDir } from '#shared/testing/temp-dir.ts';

type Result = { readonly code: number; readonly stdout: string; readonly stderr: string };

function run(program: string, args: readonly string[], path = process.env['PATH']): Promise<Result> {
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { env: { ...process.env, PATH: path } }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? 1, stdout, stderr }),
    );
  });
}

/** A folder for PATH that holds these scripts, and the real programs named. */
async function programs(folder: string, scripts: Readonly<Record<string, string>>, real: readonly string[] = []): Promise<string> {
  await mkdir(folder);
  for (const [name, script] of Object.entries(scripts)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  for (const name of real) await symlink(findProgram(name) ?? '', join(folder, name));
  return folder;
}

describe('ensure-redis.sh', () => {
  const script = join(import.meta.dirname, 'ensure-redis.sh');

  test('prints the server that stands in PATH, redis-server before valkey-server', async () => {
    await using home = await tempDir('bootstrap');
    const path = await programs(join(home.path, 'bin'), { 'valkey-server': '', 'redis-server': '' });
    expect(await run('/bin/sh', [script], path)).toMatchObject({ code: 0, stdout: `${path}/redis-server\n` });
  });

  test('tells an ordinary user the one command to type', async () => {
    await using home = await tempDir('bootstrap');
    const path = await programs(join(home.path, 'bin'), { 'apt-get': 'echo never; exit 1', id: 'echo 1000' });
    const { code, stdout, stderr } = await run('/bin/sh', [script], path);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toContain('sudo apt-get install redis-server');
  });

  test('says so where there is no apt-get', async () => {
    await using home = await tempDir('bootstrap');
    const path = await programs(join(home.path, 'bin'), { id: 'echo 0' });
    expect(await run('/bin/sh', [script], path)).toMatchObject({ code: 1, stderr: expect.stringContaining('valkey-server is missing') });
  });
});

describe('installed.mjs', () => {
  const lock = (packages: object) => JSON.stringify({ packages: { '': {}, ...packages } });

  async function judged(wanted: object, present?: object): Promise<number> {
    await using home = await tempDir('bootstrap');
    await writeFile(join(home.path, 'package-lock.json'), lock(wanted));
    await mkdir(join(home.path, 'node_modules'));
    if (present !== undefined) await writeFile(join(home.path, 'node_modules/.package-lock.json'), JSON.stringify({ packages: present }));
    return (await run(process.execPath, [join(import.meta.dirname, 'installed.mjs'), home.path])).code;
  }

  test('what is listed is there: yes', async () => {
    const wanted = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/for-other-machines': { version: '1.0.0', optional: true } };
    expect(await judged(wanted, { 'node_modules/a': { version: '1.0.0' } })).toBe(0);
  });

  test.each([
    ['nothing is there', undefined],
    ['another version is there', { 'node_modules/a': { version: '0.9.0' } }],
    ['something is missing', { 'node_modules/b': { version: '1.0.0' } }],
  ])('%s: no', async (_case, present) => {
    expect(await judged({ 'node_modules/a': { version: '1.0.0' } }, present)).toBe(1);
  });
});

describe('with-node.sh', () => {
  const shell = ['sh', 'dirname', 'uname'];

  /**
   * A copy of the project's bootstrap with its dependencies there, a `node` in PATH that says it is of this version, and an npm that installs `pinned`:
   * a script, or nothing.
   */
  async function started(version: string, pinned?: string): Promise<Result> {
    await using home = await tempDir('bootstrap');
    const local = join(home.path, 'deploy/local');
    await mkdir(join(local, 'node'), { recursive: true });
    for (const name of await readdir(import.meta.dirname)) {
      if (/\.(sh|mjs)$/.test(name)) await symlink(join(import.meta.dirname, name), join(local, name));
    }
    const node = `case "$1" in -p) echo ${version};; --version) echo v${version}.0.0;; *installed.mjs) [ "$2" = "${home.path}" ];; *) echo "ran $*";; esac`;
    const bin = `${local}/node/node_modules/.bin`;
    const install = pinned === undefined ? 'exit 1' : `mkdir -p ${bin} && printf '#!/bin/sh\n%s\n' '${pinned}' >${bin}/node && chmod +x ${bin}/node`;
    const path = await programs(join(home.path, 'bin'), { node, npm: `echo "npm $*" >&2; ${install}` }, [...shell, 'mkdir', 'chmod']);
    const result = await run('/bin/sh', [join(local, 'with-node.sh'), '--of-node=1', 'services/main.ts', '--config', 'a b.yaml'], [path].join(delimiter));
    return { ...result, stdout: result.stdout.replaceAll(home.path, ''), stderr: result.stderr.replaceAll(home.path, '') };
  }

  const ARGUMENTS = '--of-node=1 /services/main.ts --config a b.yaml';
  const INSTALLED = /^Node.js v2\d\.0\.0 is older than 26: .*\nnpm ci --prefix \/deploy\/local\/node /;

  test.each(['26', '28'])('Node.js %s of the machine is used, with its options, and the arguments are passed on', async (version) => {
    expect(await started(version)).toEqual({ code: 0, stdout: `ran ${ARGUMENTS}\n`, stderr: '' });
  });

  test.each(['20', '24', '25'])('Node.js %s is replaced through npm, for this project alone', async (version) => {
    const result = await started(version, 'echo "pinned $*"');
    expect(result).toEqual({ code: 0, stdout: `pinned ${ARGUMENTS}\n`, stderr: expect.stringMatching(INSTALLED) });
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(2);
  });

  test.each([
    ['npm installs nothing', undefined],
    ['what it installs does not run here', 'exit 127'],
  ])('where %s, Node.js 24 goes on and says so, and 22 is refused', async (_where, pinned) => {
    const goesOn = await started('24', pinned);
    expect([goesOn.code, goesOn.stdout]).toEqual([0, `ran ${ARGUMENTS}\n`]);
    expect(goesOn.stderr).toMatch(/No Node.js 26 for .* could be installed: going on with v24\.0\.0\n$/);
    expect(await started('22', pinned)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/could be installed: install it .*\n$/) });
  });

  test('npm start reaches the program', async () => {
    const { scripts } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8')) as { scripts: { start: string } };
    const { code, stdout } = await run('/bin/sh', ['-c', `cd '${join(import.meta.dirname, '../..')}' && ${scripts.start} --help`]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('--config FILE')]);
  });

  test('one that cannot even start is refused', async () => {
    expect(await started('18')).toMatchObject({ code: 1, stderr: expect.stringContaining('version 20 or newer') });
  });
});
