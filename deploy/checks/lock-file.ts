// The lock files let `npm ci` succeed on every platform: each optional package of a listed package has its entry, for other systems too
// (npm leaves out those that it could not fetch, and `npm ci` then refuses the file).
import type { Check } from './source-tree.ts';

type Locked = { readonly packages: Readonly<Record<string, { readonly optionalDependencies?: Readonly<Record<string, string>> }>> };

export const lockFile: Check = (tree) => ({
  findings: tree.paths
    .filter((path) => path.endsWith('package-lock.json'))
    .flatMap((path) => missingFrom(tree.text(path) ?? '{}').map((name) => `${path}: no entry for ${name}`)),
});

function missingFrom(text: string): readonly string[] {
  const { packages } = JSON.parse(text) as Locked;
  return Object.entries(packages).flatMap(([owner, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter((name) => !(`node_modules/${name}` in packages) && !(`${owner}/node_modules/${name}` in packages)),
  );
}
