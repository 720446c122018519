// Keeps the program of a commit for the tests of versions: `sh deploy/local/with-node.sh services/scenarios/testing/keep-version.ts COMMIT` writes
// testdata/previous-version.tar.br anew. What can fail: git, where the clone does not have the commit.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { brotliCompressSync, constants } from 'node:zlib';
import { PREVIOUS_VERSION } from './previous-version.ts';

/** What handles mail and shares Redis with processes of other versions. */
const KEPT = ['package.json', 'services', 'shared'];
const LEFT_OUT = ['services/imap', 'services/pop3', 'services/cli', 'services/scenarios', '**/testing', '**/testdata', '**/bench', '**/*.test.ts'];

const commit = process.argv[2];
if (commit === undefined) throw new Error('usage: keep-version.ts COMMIT');
const paths = [...KEPT, ...LEFT_OUT.map((path) => `:(exclude,glob)${path}${path.endsWith('.ts') ? '' : '/**'}`)];
const tar = execFileSync('git', ['archive', commit, ...paths], { maxBuffer: 100_000_000 });
writeFileSync(PREVIOUS_VERSION, brotliCompressSync(tar, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } }));
