// The page's part on mailboxes: a table of Stafette beside Dovecot's formats, from the newest series of each scenario that has them. Ratios are those of
// the runs of one pair, turned so that above 1 Stafette is the better.
import { figureText, provenanceOf, show, withUnit } from '../report-format.ts';
import type { Result } from '../results.ts';
import { type Spread, spread } from '../statistics.ts';
import { type FigureRow, type MailboxScenario, SCENARIOS } from './scenarios.ts';

const INTRODUCTION = `Stafette beside Postfix and Dovecot as a mail server: Postfix takes the mail and hands it on by LMTP, Dovecot keeps it as Maildir or as mdbox
(\`loadtest/targets/dovecot/dovecot.conf\`: \`mail_fsync = always\`, ENVELOPE and BODYSTRUCTURE cached at delivery, passwords in the clear and cached, no
full-text index). The same source sends to all, without TLS. Runs are interleaved (Stafette, Maildir, mdbox, and again). A ratio is the median of the
ratios of each round, and above 1 Stafette is the better one.

*Visible*: a session of each account asks STATUS INBOX (MESSAGES) from the last 250 on, until every mailbox has all; for every server the same.
*First* is the first session of the large mailbox after a start of the server, which has served a small one before; *again* the median of 20
sessions that ask the same (of SEARCH, one session). Over POP3, *first* is the first download from a server that has served a small maildrop
before, *again* the median of five more. *Memory* is the sum of the proportional set sizes of all processes, Postfix and Redis included.
That after the large mailbox is told and not judged: most of it is what Stafette has without any mail (Idle, above), where Dovecot begins with a few MB.
`;

const INDEXED = 'Beside the full-text index that Debian 12 has for Dovecot, the package dovecot-fts-xapian, on Maildir:';

const SPLIT = `With several processes of each role, which are for several machines. Their memory is that of as many Node.js processes, so it is not held against
that of one Dovecot:`;

/** Without a heading. */
export function mailboxPart(results: (scenario: string) => readonly Result[]): string {
  const measured = SCENARIOS.map((scenario) => ({ scenario, series: newestOf(results(scenario.name), ['maildir', 'mdbox']) }));
  const lines = measured.flatMap(({ scenario, series }) => linesOf(scenario, series));
  const table = ['| | Stafette | Maildir | mdbox | ratio to Maildir | ratio to mdbox | goal |', '|---|---|---|---|---|---|---|', ...lines, ''].join('\n');
  const split = SCENARIOS.flatMap((scenario) => splitLines(scenario, results(scenario.name)));
  const apart = split.length === 0 ? '' : `\n${SPLIT}\n\n| | figure | goal |\n|---|---|---|\n${split.join('\n')}\n`;
  const indexed = SCENARIOS.flatMap((scenario) => indexedLines(scenario, newestOf(results(scenario.name), ['xapian'])));
  const beside = indexed.length === 0 ? '' : `\n${INDEXED}\n\n| | Stafette | Maildir with fts-xapian | ratio |\n|---|---|---|---|\n${indexed.join('\n')}\n`;
  const where = measured.flatMap(({ scenario, series }) => provenanceOf(scenario.name, series));
  return [INTRODUCTION, table, beside, apart, where.join('\n'), ''].join('\n');
}

/** The whole rounds of the newest series that has Stafette and all of these. */
function newestOf(results: readonly Result[], variants: readonly string[]): readonly Result[] {
  const together = Map.groupBy(
    results.filter(({ split }) => split === undefined),
    ({ series }) => series,
  );
  const isWhole = (runs: readonly Result[]) =>
    runs.some(({ target }) => target === 'stafette') && variants.every((variant) => runs.some((run) => run.variant === variant));
  const rounds = [...together.values()].map((runs) => [...Map.groupBy(runs, ({ pair }) => pair).values()].filter(isWhole).flat());
  return rounds.findLast((runs) => runs.length > 0) ?? [];
}

function linesOf({ title, rows }: MailboxScenario, series: readonly Result[]): string[] {
  if (series.length === 0) return [`| **${title}** | not measured yet | | | | | |`];
  const ours = series.filter(({ target }) => target === 'stafette');
  const of = (variant: string) => series.filter((result) => result.variant === variant);
  const [maildir, mdbox] = [of('maildir'), of('mdbox')];
  return [
    `| **${title}** | | | | | | |`,
    ...rows.map((row) => {
      const own = spread(values(ours, row.figure));
      const ratios = [maildir, mdbox].map((theirs) => spread(ratiosOf(row, ours, theirs)));
      const figures = [own, spread(values(maildir, row.figure)), spread(values(mdbox, row.figure))].map((each) => withUnit(each, row.unit));
      return `| ${row.name} | ${figures.join(' | ')} | ${ratios.map(show).join(' | ')} | ${goalOf(row, own, ratios)} |`;
    }),
  ];
}

/** Searches beside a Dovecot that has an index for them. */
function indexedLines({ rows }: MailboxScenario, series: readonly Result[]): string[] {
  if (series.length === 0) return [];
  const ours = series.filter(({ target }) => target === 'stafette');
  const theirs = series.filter(({ variant }) => variant === 'xapian');
  const searches = rows.filter(({ figure }) => figure.startsWith('search'));
  return searches.map((row) => {
    const figures = [ours, theirs].map((runs) => withUnit(spread(values(runs, row.figure)), row.unit));
    return `| ${row.name} | ${figures.join(' | ')} | ${show(spread(ratiosOf(row, ours, theirs)))} |`;
  });
}

/** Stafette alone, split: what it must hold by itself. */
function splitLines({ title, rows }: MailboxScenario, results: readonly Result[]): string[] {
  const newest =
    [
      ...Map.groupBy(
        results.filter(({ split }) => split !== undefined),
        ({ series }) => series,
      ).values(),
    ].at(-1) ?? [];
  const processes = newest[0]?.split;
  if (processes === undefined) return [];
  return rows.map((row) => {
    const own = spread(values(newest, row.figure));
    return `| ${title}, ${processes} processes of each role: ${row.name} | ${withUnit(own, row.unit)} | ${row.atMost === undefined ? '' : atMost(row.atMost, own, row.unit)} |`;
  });
}

function goalOf({ goal, atMost: bound, unit }: FigureRow, own: Spread, ratios: readonly Spread[]): string {
  const goals = [];
  const least = goal === 'ahead' ? 1 : 0.5;
  const met = ratios.every(({ median }) => !Number.isFinite(median) || median >= least);
  if (goal !== 'none') goals.push(`${goal === 'ahead' ? 'ahead' : 'at least 0.5'}: ${met ? 'met' : 'missed'}`);
  if (bound !== undefined) goals.push(atMost(bound, own, unit));
  return goals.join('; ');
}

function atMost(bound: number, { median }: Spread, unit: string): string {
  return `at most ${figureText(bound)}${unit}: ${median <= bound ? 'met' : 'missed'}`;
}

function ratiosOf({ figure, better }: FigureRow, ours: readonly Result[], theirs: readonly Result[]): number[] {
  return ours.flatMap((run) => {
    const own = run.figures[figure];
    const other = theirs.find(({ pair }) => pair === run.pair)?.figures[figure];
    if (own === undefined || other === undefined) return [];
    return better === 'more' ? own / other : other / own;
  });
}

function values(results: readonly Result[], figure: string): number[] {
  return results.flatMap(({ figures }) => figures[figure] ?? []);
}
