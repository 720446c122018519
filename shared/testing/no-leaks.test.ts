import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { tempDir } from './temp-dir.ts';

const ROOT = resolve(import.meta.dirname, '../..');

/** Runs Vitest with our set-up over one file with this body of a test. */
async function vitestOver(body: string): Promise<string> {
  await using project = await tempDir('leaks');
  await symlink(join(ROOT, 'node_modules'), join(project.path, 'node_modules'));
  await writeFile(join(project.path, 'vitest.config.mjs'), `export default { test: { pool: 'forks', setupFiles: ['${import.meta.dirname}/no-leaks.ts'] } };`);
  await writeFile(join(project.path, 'some.test.mjs'), `import { test } from 'vitest';\nimport net from 'node:net';\ntest('some', async () => { ${body} });`);
  const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--root', project.path];
  return await new Promise((done) => execFile(process.execPath, args, (_error, stdout, stderr) => done(stdout + stderr)));
}

test('a file that forgets a server and a timer fails and is told so', async () => {
  const output = await vitestOver(`await new Promise((open) => net.createServer().listen(0, open)); setInterval(() => {}, 1e6);`);
  expect(output).toContain('Still open when all tests and hooks of this file had ended: a listening socket (1), a timer (1)');
});

test('a file that closes what it opened passes', async () => {
  const output = await vitestOver(`const server = net.createServer(); await new Promise((open) => server.listen(0, open)); server.close();`);
  expect(output).toMatch(/1 passed/);
  expect(output).not.toContain('Still open');
});
