// docs/promises.md stays true: each row names at least one test file that exists, and the words behind it stand in that file.
import { type Check, linesMatching, type SourceTree } from './source-tree.ts';

export const PROMISES = 'docs/promises.md';

const ROW = /^\| (?!promise \|)(.+) \| (.*) \|$/;
const TEST = /`([^`]+)`(?: "([^"]+)")?/g;

export const promises: Check = (tree) => {
  const rows = linesMatching(tree.text(PROMISES) ?? '', ROW);
  return {
    findings: [
      ...(rows.length === 0 ? [`${PROMISES}: it has no rows`] : []),
      ...rows.flatMap(({ line, match }) => wrongWith(tree, match[2] ?? '').map((wrong) => `${PROMISES}:${line}: ${wrong}`)),
    ],
  };
};

function wrongWith(tree: SourceTree, cell: string): readonly string[] {
  const tests = [...cell.matchAll(TEST)];
  if (tests.length === 0) return ['names no test'];
  return tests.flatMap(([, file = '', words]) => {
    const text = /\.(test|soak)\.ts$/.test(file) ? tree.text(file) : undefined;
    if (text === undefined) return [`${file} is no test that exists`];
    return words !== undefined && !text.includes(words) ? [`${file} has no test "${words}"`] : [];
  });
}
