// What belongs to one machine stays out of the repository: addresses of package registries, paths of a developer's disk.
import { type Check, linesMatching } from './source-tree.ts';

const PRIVATE: readonly { readonly what: string; readonly pattern: RegExp }[] = [
  { what: 'the address of a package registry', pattern: /\bregistry\.(npmjs|yarnpkg|npmmirror)\b|\bhttps?:\/\/[^\s'"]*(artifactory|nexus|verdaccio)/i },
  { what: 'a resolved address in a lock file', pattern: /^\s*"resolved": "http/ },
  { what: "a path of somebody's machine", pattern: /(?<![\w.$}-])\/(work|root|Users|home\/(?!node\b)\w+)\/\w/ },
];

/** Names its own patterns. */
const EXEMPT = /^deploy\/checks\/|\.(svg|png|eml|xml)$/;

export const privateNames: Check = (tree) => ({
  findings: tree.paths
    .filter((path) => !EXEMPT.test(path))
    .flatMap((path) => PRIVATE.flatMap(({ what, pattern }) => linesMatching(tree.text(path) ?? '', pattern).map(({ line }) => `${path}:${line}: ${what}`))),
});
