import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { boundaries } from './boundaries.ts';
import { links } from './links.ts';
import { lockFile } from './lock-file.ts';
import { outwardHttp } from './outward-http.ts';
import { privateNames } from './private-names.ts';
import { PROMISES, promises } from './promises.ts';
import { INDEX, rfcIndex } from './rfc-index.ts';
import { sizes } from './sizes.ts';
import { importsOf, sourceTree, treeFrom } from './source-tree.ts';

test('the tree holds what Git tracks, and no dependency', () => {
  const tree = sourceTree(resolve(import.meta.dirname, '../..'));
  expect(tree.paths).toContain('package.json');
  expect(tree.paths.some((path) => path.includes('node_modules'))).toBe(false);
  expect(tree.text('no/such/file')).toBeUndefined();
});

test('imports of every form are seen, with their lines', () => {
  const source =
    "import type { A } from './a.ts';\nimport {\n  b,\n} from '#shared/b/b.ts';\nexport { c } from '../c.ts';\nimport 'd';\nconst e = await import('./e.ts');\n// from 'f'\n";
  expect(importsOf('services/x/y.ts', source)).toEqual([
    { line: 1, specifier: './a.ts', target: 'services/x/a.ts' },
    { line: 4, specifier: '#shared/b/b.ts', target: 'shared/b/b.ts' },
    { line: 5, specifier: '../c.ts', target: 'services/c.ts' },
    { line: 6, specifier: 'd', target: undefined },
    { line: 7, specifier: './e.ts', target: 'services/x/e.ts' },
  ]);
});

describe('boundaries', () => {
  const found = (path: string, specifier: string) => boundaries(treeFrom({ [path]: `import { x } from '${specifier}';` })).findings;

  test.each([
    ['services/router/router.ts', '#shared/spool/spool.ts'],
    ['services/router/router.ts', '../host.ts'],
    ['services/router/router.ts', './expand.ts'],
    ['services/router/router.test.ts', '#shared/testing/redis.ts'],
    ['services/router/router.test.ts', 'vitest'],
    ['services/router/testing/router-under-test.ts', '#shared/testing/redis.ts'],
    ['services/main.ts', './router/router.ts'],
    ['services/supervisor/start.ts', '../roles.ts'],
    ['shared/spool/spool.ts', '#shared/mail/envelope.ts'],
    ['shared/spool/spool.test.ts', '#shared/testing/redis.ts'],
    ['shared/actor/runtime.ts', 'bullmq'],
    ['loadtest/bench.ts', '#shared/testing/sink.ts'],
  ])('%s may import %s', (path, specifier) => {
    expect(found(path, specifier)).toEqual([]);
  });

  test.each([
    ['services/router/router.ts', '../bounce/bounce.ts', /another service's/],
    ['services/router/router.test.ts', '../bounce/bounce.ts', /another service's/],
    ['services/router/router.ts', '../../shared/spool/spool.ts', /import .* as #shared/],
    ['services/router/router.ts', '#shared/testing/redis.ts', /only tests may/],
    ['services/router/router.ts', './router.conformance.ts', /only tests may/],
    ['services/router/router.ts', 'fast-check', /test tool/],
    ['services/router/router.ts', 'bullmq', /only shared\/actor\//],
    ['services/router/router.ts', '../../deploy/local/test.ts', /only shared\/ is common/],
    ['shared/mail/envelope.ts', '#shared/spool/spool.ts', /layer mail imports the later layer spool/],
    ['shared/spool/spool.ts', '../../services/host.ts', /nothing above/],
    ['shared/spool/spool.ts', '#shared/nowhere/x.ts', /no layer/],
    ['loadtest/bench.ts', '../services/main.ts', /start the program/],
  ])('%s may not import %s', (path, specifier, sentence) => {
    expect(found(path, specifier)).toEqual([expect.stringMatching(sentence)]);
  });
});

test('sizes: a long file is a finding, a longish one a note, a test neither', () => {
  const report = sizes(treeFrom({ 'a.ts': '\n'.repeat(500).concat('x'), 'b.ts': '\n'.repeat(300).concat('x'), 'c.test.ts': '\n'.repeat(500).concat('x') }));
  expect(report.findings).toEqual([expect.stringContaining('a.ts: 501 lines')]);
  expect(report.notes).toEqual([expect.stringContaining('b.ts: 301 lines')]);
});

describe('RFC index', () => {
  const citing = '// RFC 5321 section 4.5.5';
  const files = { 'services/a/a.ts': citing, 'services/a/a.test.ts': "test('RFC 5321 section 4.5.5: ...')" };
  const found = (row: string, more: Record<string, string> = {}) => rfcIndex(treeFrom({ ...files, [INDEX]: row, ...more })).findings;

  test('a row whose line and test exist is true', () => {
    expect(found('| 5321 | SMTP | yes | `services/a` | `services/a/a.test.ts` | |')).toEqual([]);
    expect(found('| 5321 | SMTP | partial | `services/a` | | VRFY is refused |')).toEqual([]);
  });

  test.each([
    ['| 5321 | SMTP | yes | `services/b` | `services/a/a.test.ts` | |', /nothing in `services\/b` cites it/],
    ['| 5321 | SMTP | yes | `services/a` | | |', /names no test/],
    ['| 5321 | SMTP | yes | `services/a` | `services/a/b.test.ts` | |', /does not exist/],
    ['| 5321 | SMTP | partial | `services/a` | | |', /say what is missing/],
    ['| 5321 | SMTP | maybe | | | |', /yes, partial or no/],
    ['| 5322 | IMF | no | | | |', /no row for RFC 5321/],
  ])('%s is found out', (row, sentence) => {
    expect(found(row)).toEqual([expect.stringMatching(sentence)]);
  });

  test('another form of citing is found out', () => {
    const row = '| 5321 | SMTP | partial | | | much is missing |';
    expect(found(row, { 'shared/mail/x.ts': `// RFC${5321} section 4` })).toEqual([expect.stringMatching(/shared\/mail\/x.ts:1: .*cite as/)]);
  });
});

test('links lead to files, folders and headings', () => {
  const readme = '[a](docs/a.md) [b](docs/a.md#the-second-part) [c](docs) [d](https://example.org/x) [e](docs/no.md) [f](docs/a.md#third)';
  const report = links(treeFrom({ 'README.md': readme, 'docs/a.md': '# First\n## The `second` part\n[up](../README.md)' }));
  expect(report.findings).toEqual(['README.md:1: docs/no.md leads nowhere', 'README.md:1: docs/a.md#third leads nowhere']);
});

test('paths of a machine and addresses of registries are found', () => {
  const files = {
    'a.md': 'see /root/notes and /work/x',
    'b.json': '    "resolved": "https://x"',
    'c.ts': "join('/etc/hosts', root, './work/x')",
    Dockerfile: 'WORKDIR /home/node/app',
  };
  expect(privateNames(treeFrom(files)).findings).toEqual(["a.md:1: a path of somebody's machine", 'b.json:1: a resolved address in a lock file']);
});

test('a lock file that forgets an optional package of another platform is found', () => {
  const lock = (packages: object) => treeFrom({ 'package-lock.json': JSON.stringify({ packages }) });
  const tool = { 'node_modules/tool': { optionalDependencies: { 'tool-linux': '1.0.0', 'tool-darwin': '1.0.0' } }, 'node_modules/tool-linux': {} };
  expect(lockFile(lock(tool)).findings).toEqual(['package-lock.json: no entry for tool-darwin']);
  expect(lockFile(lock({ ...tool, 'node_modules/tool/node_modules/tool-darwin': {} })).findings).toEqual([]);
});

describe('promises', () => {
  const found = (rows: string) =>
    promises(treeFrom({ [PROMISES]: `| promise | test |\n|---|---|\n${rows}`, 'a/b.test.ts': "test('it holds', () => {});", 'a/b.ts': 'it holds' })).findings;

  test('each is held by a test that exists', () => {
    expect(found('| that it holds | `a/b.test.ts` "it holds", `a/b.test.ts` |\n')).toEqual([]);
    expect(found('')).toEqual([`${PROMISES}: it has no rows`]);
    expect(found('| that it holds | we are sure |\n')).toEqual([`${PROMISES}:3: names no test`]);
    expect(found('| that it holds | `a/c.test.ts`, `a/b.ts` "it holds" |\n')).toEqual([
      `${PROMISES}:3: a/c.test.ts is no test that exists`,
      `${PROMISES}:3: a/b.ts is no test that exists`,
    ]);
    expect(found('| that it holds | `a/b.test.ts` "it held" |\n')).toEqual([`${PROMISES}:3: a/b.test.ts has no test "it held"`]);
  });
});

test('a role that speaks HTTP outwards is found', () => {
  const found = (path: string, text: string) => outwardHttp(treeFrom({ [path]: text })).findings;
  expect(found('services/resolver/policy.ts', 'const page = await fetch(url);')).toEqual([
    'services/resolver/policy.ts:1: asks by HTTP outside the one bounded client',
  ]);
  expect(found('shared/x/y.ts', "import { request } from 'node:https';")).toHaveLength(1);
  expect(found('services/x/y.ts', 'this.prefetch(1); await views.fetch(2);')).toEqual([]);
  expect(found('services/cli/client.ts', 'await fetch(url)')).toEqual([]);
});
