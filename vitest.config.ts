// Tests stand beside their source. Scenarios start several parts and run one after another; soak runs take long and run only by `npm run soak`.
import { defineConfig } from 'vitest/config';

const FOLDERS = '{services,shared,loadtest,deploy}/**';
const SCENARIOS = [`${FOLDERS}/*.scenario.test.ts`, 'services/scenarios/**/*.test.ts'];

// Tests run as the services do: Node's own type stripping and module resolution, no transformation by Vite.
const native = { viteModuleRunner: false, nodeLoader: false };

const common = { slowTestThreshold: 2_000, pool: 'forks' as const, experimental: native, setupFiles: ['shared/testing/no-leaks.ts'] };

const unit = { ...common, name: 'unit', include: [`${FOLDERS}/*.test.ts`], exclude: ['**/node_modules/**', ...SCENARIOS], maxWorkers: 2, testTimeout: 20_000 };
const scenario = {
  ...common,
  name: 'scenario',
  include: SCENARIOS,
  fileParallelism: false,
  testTimeout: 60_000,
  hookTimeout: 60_000,
  sequence: { groupOrder: 1 },
};
const soak = { ...common, name: 'soak', include: [`${FOLDERS}/*.soak.ts`], fileParallelism: false, testTimeout: 3_600_000, hookTimeout: 60_000 };

export default defineConfig(({ mode }) => ({
  test: {
    projects: (mode === 'soak' ? [soak] : [unit, scenario]).map((test) => ({ test })),
  },
}));
