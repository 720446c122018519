// Links between our documents lead somewhere: the file exists, and so does the heading after `#`. Links to other sites are not followed.
import { posix } from 'node:path';
import { type Check, linesMatching, type SourceTree } from './source-tree.ts';

const LINK = /\]\(([^)\s]+)\)/g;

export const links: Check = (tree) => ({
  findings: tree.paths
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) =>
      linesMatching(tree.text(path) ?? '', /\]\(/).flatMap(({ line, match }) =>
        [...match.input.matchAll(LINK)].flatMap(([, to = '']) => (leadsSomewhere(tree, path, to) ? [] : [`${path}:${line}: ${to} leads nowhere`])),
      ),
    ),
});

function leadsSomewhere(tree: SourceTree, from: string, link: string): boolean {
  if (/^[a-z]+:/.test(link)) return true;
  const [file = '', heading] = link.split('#');
  const path = file === '' ? from : posix.join(posix.dirname(from), file).replace(/\/$/, '');
  const exists = tree.paths.includes(path) || tree.paths.some((other) => other.startsWith(`${path}/`)) || path === '.';
  return exists && (heading === undefined || headingsOf(tree.text(path) ?? '').includes(heading));
}

/** As the usual renderers name them: lower case, no punctuation, hyphens for spaces. */
function headingsOf(markdown: string): readonly string[] {
  const titles = linesMatching(markdown, /^#+ (.*)$/).map(({ match }) => match[1] ?? '');
  return titles.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}
