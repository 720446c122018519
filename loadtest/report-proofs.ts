// The page's part on proofs: what soak runs recorded of crashes, of a long run without one and of roles that are split, and the actor runtime alone.
// Each table has the runs of the newest commit, each by its own; below it stand the commands that repeat them.
import { figureText, provenanceOf, withUnit } from './report-format.ts';
import type { Proof, Result } from './results.ts';
import { spread } from './statistics.ts';

interface Section {
  readonly proof: Proof;
  readonly title: string;
  readonly about: string;
  readonly columns: readonly string[];
  lines(runs: readonly Result[]): readonly string[];
}

const ACCOUNT = ['acknowledged', 'lost', 'duplicated', 'possiblySent', 'inDoubt'];
const ACCOUNT_COLUMNS = ['acknowledged', 'lost', 'duplicated', 'possibly sent', 'in doubt', 'goal'];

const SECTIONS: readonly Section[] = [
  {
    proof: 'crashes',
    title: 'Crashes',
    about: `50 sessions send while processes of every role, and Redis, are killed or stopped for longer than their lease, one after the other by a seed; and while
everything is killed at once and started again. Each line is one run, counted in recipients. *Possibly sent* and *in doubt* are what Stafette itself
reports: deliveries that a crash or a cut connection left without an outcome, and that it repeats. In a mailbox nothing may be twice.`,
    columns: ['', 'crashes', 'twice in a mailbox', ...ACCOUNT_COLUMNS],
    lines: (runs) => runs.map((run) => row(nameOf(run), figure(run, 'crashes'), figure(run, 'filedTwice'), ...accountOf(run), crashGoal(run))),
  },
  {
    proof: 'no-duplicates',
    title: 'Without crashes',
    about: '50 sessions, two processes of each role, and nothing dies.',
    columns: ['', ...ACCOUNT_COLUMNS],
    lines: (runs) =>
      runs.map((run) =>
        row(
          nameOf(run),
          ...accountOf(run),
          goal('none lost, none twice', run, ({ lost, duplicated }) => lost + duplicated === 0),
        ),
      ),
  },
  {
    proof: 'split-shares',
    title: 'Shares of a split role',
    about: `Several processes of each role, from a fresh start and without a warm-up: each one's part of its role's messages, in percent. A resolver's are the few
that came before their domain was known: 30 domains are shared evenly, but those that were asked for later had gathered more of them. A smarthost has
four partitions, so one of three processes has two.`,
    columns: ['', 'role', 'processes', 'the least', 'goal'],
    lines: (runs) => runs.flatMap(shareLines),
  },
  {
    proof: 'tell-to-receive',
    title: 'The actor runtime',
    about: `Entries told to keyed actors by one process, received there and acknowledged, without mail: *in bulk* 500 are under way at once and share commits; *one at
a time* each waits for the one before, and for two commits of its own. A key has 20 entries in hand, so one key alone shares a commit among fewer. CPU is that
of one entry, told and received. An activation that ends, because nothing was due for a second, is started again by the next entry, and counted.`,
    columns: ['', 'per second', 'CPU of Node.js', 'CPU of Redis', 'activations'],
    lines: (runs) => [...Map.groupBy(runs, nameOf)].map(([name, own]) => row(name, ...runtimeCells(own))),
  },
];

/** The sections with their headings. */
export function proofParts(results: (scenario: string) => readonly Result[]): string[] {
  return SECTIONS.map(({ proof, title, about, columns, lines }) => {
    const runs = newestOf(results(proof));
    const body =
      runs.length === 0 ? ['Not measured yet.'] : [row(...columns), `|${'---|'.repeat(columns.length)}`, ...lines(runs), '', ...whereOf(proof, runs)];
    return `## ${title}\n\n${about}\n\n${body.join('\n')}\n`;
  });
}

/** Of each variant the runs of the commit that it was run at last. */
function newestOf(results: readonly Result[]): readonly Result[] {
  const variants = [...Map.groupBy(results, ({ variant }) => variant).values()];
  return variants.flatMap((runs) => runs.filter(({ commit }) => commit === runs.at(-1)?.commit));
}

function whereOf(proof: Proof, runs: readonly Result[]): string[] {
  return [...Map.groupBy(runs, ({ command }) => command).values()].flatMap((own) => provenanceOf(proof, own));
}

function shareLines(run: Result): string[] {
  const shares = Object.entries(run.figures).filter(([name]) => / \d+$/.test(name));
  const roles = [...Map.groupBy(shares, ([name]) => name.replace(/ \d+$/, ''))].map(([role, each]) => ({ role, parts: each.map(([, part]) => part) }));
  return roles.map(({ role, parts }, index) => {
    const least = Math.min(...parts);
    const all = parts.map((part) => part.toFixed(1)).join(', ');
    return row(index === 0 ? nameOf(run) : '', role, all, `${least.toFixed(1)} %`, shareGoal(run, role, least));
  });
}

/** Over many destinations each process does at least 15 %; of one smarthost, which has four partitions, each deliverer has some. */
function shareGoal({ variant }: Result, role: string, least: number): string {
  if (!variant?.startsWith('s1')) return `at least 15 %: ${least >= 15 ? 'met' : 'missed'}`;
  return role === 'remote-delivery' ? `every one is used: ${least > 0 ? 'met' : 'missed'}` : '';
}

function runtimeCells(runs: readonly Result[]): string[] {
  const of = (name: string, unit: string) => withUnit(spread(runs.flatMap(({ figures }) => figures[name] ?? [])), unit);
  return [of('perSecond', '/s'), of('nodeMicroseconds', ' µs'), of('redisMicroseconds', ' µs'), of('activations', '')];
}

function crashGoal(run: Result): string {
  return goal(
    'none lost, no more twice than reported',
    run,
    ({ lost, filedTwice, duplicated, possiblySent, inDoubt }) => lost + filedTwice === 0 && duplicated <= possiblySent + inDoubt,
  );
}

interface Account {
  readonly lost: number;
  readonly filedTwice: number;
  readonly duplicated: number;
  readonly possiblySent: number;
  readonly inDoubt: number;
}

/** A figure that is not there meets nothing. */
function goal(what: string, { figures }: Result, isMet: (account: Account) => boolean): string {
  const of = (name: string) => figures[name] ?? Number.NaN;
  const account = { lost: of('lost'), filedTwice: of('filedTwice'), duplicated: of('duplicated'), possiblySent: of('possiblySent'), inDoubt: of('inDoubt') };
  return `${what}: ${isMet(account) ? 'met' : 'missed'}`;
}

function accountOf(run: Result): string[] {
  return ACCOUNT.map((name) => figure(run, name));
}

function nameOf({ variant, figures }: Result): string {
  return [variant, figures['seed'] === undefined ? undefined : `seed ${figures['seed']}`].filter((part) => part !== undefined).join(', ');
}

function figure({ figures }: Result, name: string): string {
  const value = figures[name];
  return value === undefined ? 'not recorded' : figureText(value);
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
