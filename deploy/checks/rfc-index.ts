// docs/rfc-index.md stays true: each `yes` has a line that cites the RFC and a test that names it, each `partial` says what is missing, and
// every RFC that the source cites has its row. Citations have one form: RFC 5321 section 4.5.5.
import { type Check, isTest, linesMatching, type SourceTree } from './source-tree.ts';

export const INDEX = 'docs/rfc-index.md';

type Row = { readonly line: number; readonly rfc: string; readonly status: string; readonly where: string; readonly test: string; readonly missing: string };

const ROW = /^\| *(\d+) *\|(.*)\|\s*$/;
const CITATION = /\bRFC (\d{3,5})\b/g;
// RFC822 is an item of IMAP's FETCH.
const OTHER_FORM = /\bRFC-?(?!822\b)\d{3,5}\b|\bRFC \d+,? *§|\bRFC \d+, section|\bRFC \d+,? (Section|sec\.)/;

export const rfcIndex: Check = (tree) => {
  const rows = linesMatching(tree.text(INDEX) ?? '', ROW).map(({ line, match }) => rowOf(line, match));
  const cited = citations(tree);
  const doubled = rows.filter((row, index) => rows.findIndex(({ rfc }) => rfc === row.rfc) !== index);
  const missing = [...cited.keys()].filter((rfc) => !rows.some((row) => row.rfc === rfc));
  return {
    findings: [
      ...(rows.length === 0 ? [`${INDEX}: it has no rows`] : []),
      ...rows.flatMap((row) => wrongWith(tree, cited, row).map((wrong) => `${INDEX}:${row.line}: RFC ${row.rfc} ${wrong}`)),
      ...doubled.map(({ line, rfc }) => `${INDEX}:${line}: RFC ${rfc} has a row already`),
      ...missing.sort().map((rfc) => `${INDEX}: no row for RFC ${rfc}, cited in ${cited.get(rfc)?.[0]}`),
      ...otherForms(tree),
    ],
  };
};

function rowOf(line: number, [, rfc = '', rest = '']: RegExpExecArray): Row {
  const [, status = '', where = '', test = '', missing = ''] = rest.split('|').map((cell) => cell.trim());
  return { line, rfc, status, where, test, missing };
}

function wrongWith(tree: SourceTree, cited: ReadonlyMap<string, readonly string[]>, { rfc, status, where, test, missing }: Row): readonly string[] {
  if (status === 'no') return [];
  if (status === 'partial') return missing.length > 10 ? [] : ['is partial: say what is missing'];
  if (status !== 'yes') return [`has the status "${status}": yes, partial or no`];
  const files = cited.get(rfc) ?? [];
  const cites = namesIn(where).some((name) => files.some((file) => !isTest(file) && file.includes(name)));
  const tests = namesIn(test);
  const wrongTests = tests.filter((name) => !new RegExp(`\\bRFC ${rfc}\\b`).test(tree.text(name) ?? ''));
  return [
    ...(cites ? [] : [`is yes, but nothing in ${where || '(no file named)'} cites it`]),
    ...(tests.length === 0 ? ['is yes, but names no test'] : []),
    ...wrongTests.map((name) => `is yes, but ${name} ${tree.text(name) === undefined ? 'does not exist' : 'does not name it'}`),
  ];
}

const namesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);

/** RFC number to the files that cite it. */
function citations(tree: SourceTree): ReadonlyMap<string, readonly string[]> {
  const pairs = sources(tree).flatMap((path) => [...(tree.text(path) ?? '').matchAll(CITATION)].map(([, rfc = '']) => ({ rfc, path })));
  return new Map([...Map.groupBy(pairs, ({ rfc }) => rfc)].map(([rfc, found]) => [rfc, [...new Set(found.map(({ path }) => path))]]));
}

function otherForms(tree: SourceTree): readonly string[] {
  const wrong = sources(tree).flatMap((path) => linesMatching(tree.text(path) ?? '', OTHER_FORM).map(({ line, match }) => ({ path, line, text: match[0] })));
  return wrong.map(({ path, line, text }) => `${path}:${line}: "${text}": cite as RFC 5321 section 4.5.5`);
}

function sources(tree: SourceTree): readonly string[] {
  return tree.paths.filter((path) => /^(services|shared|loadtest)\/.*\.ts$/.test(path) && !path.includes('/testdata/'));
}
