// Tests stand beside their source. Most of a scenario is waiting, so two run at a time; those that judge time or shares of work have the machine
// to themselves. Soak runs take long and run only by `npm run soak`.
import { defineConfig } from 'vitest/config';

const FOLDERS = '{services,shared,loadtest,deploy}/**';
const SCENARIOS = [`${FOLDERS}/*.scenario.test.ts`, 'services/scenarios/**/*.test.ts'];

/** What a busy machine would make fail, or pass for a wrong reason. */
const ALONE = [
  'a-slow-destination-delays-only-itself',
  'a-thousand-keys-do-not-wait-for-each-other',
  'large-messages-take-little-memory',
  'processes-of-a-role-share-its-work',
].map((name) => `${FOLDERS}/${name}.scenario.test.ts`);

// Tests run as the services do: Node's own type stripping and module resolution, no transformation by Vite.
const native = { viteModuleRunner: false, nodeLoader: false };

// A time-out proves nothing, it ends what hangs: so it leaves room for a machine that others use too.
const patience = { testTimeout: 60_000, hookTimeout: 60_000 };
const common = { slowTestThreshold: 2_000, pool: 'forks' as const, experimental: native, setupFiles: ['shared/testing/no-leaks.ts'], ...patience };

const unit = { ...common, name: 'unit', include: [`${FOLDERS}/*.test.ts`], exclude: ['**/node_modules/**', ...SCENARIOS], maxWorkers: 3 };
const scenario = { ...common, name: 'scenario', include: SCENARIOS, exclude: ['**/node_modules/**', ...ALONE], maxWorkers: 3, sequence: { groupOrder: 1 } };
const alone = { ...common, name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 2 } };
const soak = { ...common, name: 'soak', include: [`${FOLDERS}/*.soak.ts`], fileParallelism: false, testTimeout: 3_600_000 };

export default defineConfig(({ mode }) => ({
  test: {
    projects: (mode === 'soak' ? [soak] : [unit, scenario, alone]).map((test) => ({ test })),
  },
}));
