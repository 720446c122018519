// No role asks other hosts by HTTP: once one does, it is by one bounded client (no private ranges, no redirects), and this check lets that file pass.
import { type Check, isTest, linesMatching } from './source-tree.ts';

/** The command line asks the admin API at the URL that its user names. */
const ALLOWED = new Set(['services/cli/client.ts']);
const ASKS = /(?<![.\w])fetch\(|\bhttps?\.(?:request|get)\(|\bimport\b.*\b(?:request|get)\b.*'node:https?'|'undici'/;

export const outwardHttp: Check = (tree) => ({
  findings: tree.paths
    .filter((path) => /^(services|shared)\/.*\.ts$/.test(path) && !isTest(path) && !path.startsWith('shared/testing/') && !ALLOWED.has(path))
    .flatMap((path) => linesMatching(tree.text(path) ?? '', ASKS).map(({ line }) => `${path}:${line}: asks by HTTP outside the one bounded client`)),
});
