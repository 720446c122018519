// Who may import whom (docs/decisions and the README show the picture): shared layers look down only, services never at each other, and what
// runs in production never at what only tests need. Type-only imports count: they are knowledge too.
import { type Check, type Import, importsOf, isTest } from './source-tree.ts';

/** Each layer may import those before it. */
export const LAYERS: readonly string[] = [
  'mail',
  'smtp',
  'config',
  'discovery',
  'telemetry',
  'sql',
  'protocol',
  'actor',
  'spool',
  'directory',
  'session',
  'mailstore',
  'testing',
];

/** These put the services together, so they know them all. */
const ASSEMBLY = /^services\/(main\.ts|roles\.ts|supervisor\/|scenarios\/)/;

/** What a service may import of services/ besides its own folder. */
const FOR_EVERY_SERVICE = new Set(['services/host.ts', 'services/roles.ts']);

/** Packages that one folder alone may know. */
const KEPT_IN: Readonly<Record<string, string>> = { bullmq: 'shared/actor/' };

export const boundaries: Check = (tree) => {
  const sources = tree.paths.filter((path) => path.endsWith('.ts'));
  const findings = sources.flatMap((path) =>
    importsOf(path, tree.text(path) ?? '').flatMap((found) => {
      const wrong = wrongWith(path, found);
      return wrong === undefined ? [] : [`${path}:${found.line}: ${wrong}`];
    }),
  );
  return { findings };
};

function wrongWith(path: string, { specifier, target }: Import): string | undefined {
  if (target === undefined) return wrongPackage(path, specifier);
  if (!isTesting(path) && isTesting(target)) return `production code imports ${target}, which only tests may`;
  if (target.startsWith('shared/')) return wrongLayer(path, specifier, target);
  if (path.startsWith('shared/')) return `shared/ imports ${target}: it may know nothing above it`;
  if (target.startsWith('services/')) return wrongService(path, target);
  // The proofs count what they send and receive with the load generator's own source and sink.
  if (path.startsWith('services/scenarios/') && target.startsWith('loadtest/')) return undefined;
  return folderOf(path) === folderOf(target) ? undefined : `${folderOf(path)}/ imports ${target}: only shared/ is common`;
}

function wrongPackage(path: string, specifier: string): string | undefined {
  if (isTesting(path)) return undefined;
  if (/^(vitest|fast-check)\b/.test(specifier) && path !== 'vitest.config.ts') return `production code imports ${specifier}, a test tool`;
  const home = KEPT_IN[specifier];
  return home !== undefined && /^(services|shared)\//.test(path) && !path.startsWith(home) ? `only ${home} may import ${specifier}` : undefined;
}

function wrongLayer(path: string, specifier: string, target: string): string | undefined {
  const to = layerOf(target);
  if (to < 0) return `${target} is in no layer: name its folder in LAYERS of deploy/checks/boundaries.ts`;
  const from = path.startsWith('shared/') && !isTest(path) ? layerOf(path) : LAYERS.length;
  if (to > from) return `layer ${LAYERS[from]} imports the later layer ${LAYERS[to]} (${target})`;
  const within = path.startsWith('shared/') && layerOf(path) === to;
  return within || specifier.startsWith('#') ? undefined : `import ${target} as #${target}`;
}

function wrongService(path: string, target: string): string | undefined {
  if (!path.startsWith('services/')) return `${folderOf(path)}/ imports ${target}: start the program instead`;
  if (ASSEMBLY.test(path) || FOR_EVERY_SERVICE.has(target) || serviceOf(path) === serviceOf(target)) return undefined;
  return `service ${serviceOf(path)} imports ${target}, another service's`;
}

/** Tests, their kit, and the load tests, which use the kit too. */
const isTesting = (path: string) => /^(shared\/testing|loadtest)\//.test(path) || isTest(path);
const folderOf = (path: string) => (path.includes('/') ? (path.split('/')[0] ?? '') : 'the root folder');
const serviceOf = (path: string) => path.split('/')[1] ?? '';
const layerOf = (path: string) => LAYERS.indexOf(path.split('/')[1] ?? '');
