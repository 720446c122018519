// The files that the checks read: what Git tracks or would track. It owns nothing; outside a Git work tree it fails.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join, posix } from 'node:path';

export type SourceTree = {
  /** Paths from the root, with slashes, in order. */
  readonly paths: readonly string[];
  /** The text of a file; undefined when there is none. */
  text(path: string): string | undefined;
};

/** What a check found: `path:line: sentence`. Findings fail a check, notes do not. */
export type Report = { readonly findings: readonly string[]; readonly notes?: readonly string[] };

export type Check = (tree: SourceTree) => Report;

/** The work tree at `root`, deleted files left out. */
export function sourceTree(root: string): SourceTree {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '' && isFile(join(root, path))).sort();
  return treeOf(paths, (path) => readFileSync(join(root, path), 'utf8'));
}

/** A tree from texts, for tests. */
export function treeFrom(files: Readonly<Record<string, string>>): SourceTree {
  return treeOf(Object.keys(files), (path) => files[path] ?? '');
}

function treeOf(paths: readonly string[], read: (path: string) => string): SourceTree {
  const texts = new Map<string, string>();
  const known = new Set(paths);
  const text = (path: string) => {
    if (known.has(path) && !texts.has(path)) texts.set(path, read(path));
    return texts.get(path);
  };
  return { paths, text };
}

export function isTest(path: string): boolean {
  return /\.(test|soak|suite|conformance)\.ts$/.test(path) || /\/(testdata|testing)\//.test(path) || path.startsWith('services/scenarios/');
}

/** Each line of a file that `pattern` matches, with its number from 1. */
export function linesMatching(text: string, pattern: RegExp): readonly { readonly line: number; readonly match: RegExpExecArray }[] {
  return text.split('\n').flatMap((content, index) => {
    const match = pattern.exec(content);
    return match === null ? [] : [{ line: index + 1, match }];
  });
}

/** `target` is the path from the root, for our own files. */
export type Import = { readonly line: number; readonly specifier: string; readonly target: string | undefined };

const IMPORT = /(?:^|;)[ \t]*(?:import|export)\b(?:[^'";]*?\bfrom)?\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm;

/** The imports and re-exports of a TypeScript file, type-only ones among them. */
export function importsOf(path: string, text: string): readonly Import[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const line = text.slice(0, match.index + match[0].length).split('\n').length;
    return { line, specifier, target: targetOf(path, specifier) };
  });
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#shared/')) return specifier.slice(1);
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined;
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
