// Files stay small enough to read in one go. Functions are measured by Biome (noExcessiveLinesPerFunction in biome.json).
import { type Check, isTest } from './source-tree.ts';

const FAIL_OVER = 400;
const NOTE_OVER = 250;

export const sizes: Check = (tree) => {
  const measured = tree.paths
    .filter((path) => /\.(ts|mjs|sh)$/.test(path) && !isTest(path))
    .map((path) => ({ path, lines: (tree.text(path) ?? '').trimEnd().split('\n').length }));
  const over = (limit: number) => measured.filter(({ lines }) => lines > limit);
  return {
    findings: over(FAIL_OVER).map(({ path, lines }) => `${path}: ${lines} lines; split it, ${FAIL_OVER} is the limit`),
    notes: over(NOTE_OVER)
      .filter(({ lines }) => lines <= FAIL_OVER)
      .map(({ path, lines }) => `${path}: ${lines} lines; aim at 100, rarely ${NOTE_OVER}`),
  };
};
