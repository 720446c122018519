// How many tests passed and failed, from Vitest's report; a skipped test failed unless docs/skips.md names it and the reason.

export type Tally = { readonly passed: number; readonly failed: number };

/** The part of Vitest's JSON report that we read. */
export type VitestReport = {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

export type Skip = { readonly file: string; readonly test: string; readonly reason: string };

/** The rows `| file | test | reason |` of docs/skips.md. */
export function skipsIn(markdown: string): readonly Skip[] {
  const rows = [...markdown.matchAll(/^\| *`([^`|]+)` *\| *([^|]+?) *\| *([^|]+?) *\|$/gm)];
  return rows.map(([, file = '', test = '', reason = '']) => ({ file, test, reason }));
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (key: keyof Tally) => tallies.reduce((total, tally) => total + tally[key], 0);
  return { passed: sum('passed'), failed: sum('failed') };
}

/** The tally of a run that ended with `code`, and one line for each test that was skipped without an entry. */
export function tallyOf(report: VitestReport, code: number, skips: readonly Skip[]): Tally & { readonly unexcused: readonly string[] } {
  const tests = report.testResults.flatMap(({ name, assertionResults }) => assertionResults.map((test) => ({ ...test, file: name })));
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const failedTests = tests.filter(({ status }) => status === 'failed').length;
  const unexcused = tests.filter(({ status, file, fullName }) => !['passed', 'failed'].includes(status) && !isExcused(skips, file, fullName));
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = failedTests + unexcused.length + brokenFiles.length;
  const unexplained = code !== 0 && failed === 0 ? 1 : 0; // an error outside any test, or no report worth the name
  return { passed, failed: failed + unexplained, unexcused: unexcused.map(({ file, fullName }) => `${file}: ${fullName}`) };
}

function isExcused(skips: readonly Skip[], file: string, fullName: string): boolean {
  return skips.some((skip) => file.endsWith(skip.file) && (skip.test === 'all' || fullName.includes(skip.test)));
}
