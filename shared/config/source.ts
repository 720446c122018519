// A YAML file as the loader sees it: its value, and for each key path the line and the text as written.
// ${NAME} in a value takes an environment variable, so secrets need not stand in the file; an unset one is a problem.
import { type Document, isMap, isNode, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { Finding, KeyPath } from './finding.ts';

export interface Source {
  /** Plain data; undefined when the text could not be read. */
  readonly value: unknown;
  /** What is wrong with the text itself. */
  readonly findings: readonly (Finding & { readonly line?: number })[];
  /** 1-based line of the key (or of the nearest written ancestor). */
  lineOf(path: KeyPath): number;
  /** A scalar as written (never an environment's secret), else what kind of thing stands there; undefined when nothing does. */
  written(path: KeyPath): string | undefined;
}

const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Reads YAML 1.2. Never throws: what is wrong is in `findings`. */
export function readSource(text: string, environment: Readonly<Record<string, string | undefined>> = {}): Source {
  const lines = new LineCounter();
  const lineAt = (offset: number | undefined) => (offset === undefined ? 1 : lines.linePos(offset).line);
  let document: Document.Parsed;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  } catch (error) {
    return broken(`cannot be read as YAML: ${firstLine(error)}`, 1);
  }
  const [error] = document.errors;
  if (error?.code === 'DUPLICATE_KEY') return broken(`has ${keyAt(text, error.pos[0])} twice: expected one`, lineAt(error.pos[0]));
  if (error?.code === 'MULTIPLE_DOCS') return broken('has another document after `---`: expected one', lineAt(error.pos[0]));
  if (error) return broken(`is not valid YAML: ${firstLine(error)}`, lineAt(error.pos[0]));
  const unset = substitute(document, environment).map(({ name, at }) => ({ path: [], problem: `environment variable ${name} is not set`, line: lineAt(at) }));
  try {
    // An empty file means: every default.
    const value: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
    return { value, findings: unset, lineOf: (path) => lineAt(keyOffset(document, path)), written: (path) => written(document, path) };
  } catch (failure) {
    return broken(`cannot be read as YAML: ${firstLine(failure)}`, 1);
  }
}

function broken(problem: string, line: number): Source {
  return { value: undefined, findings: [{ path: [], problem, line }], lineOf: () => line, written: () => undefined };
}

function substitute(document: Document, environment: Readonly<Record<string, string | undefined>>): { name: string; at: number | undefined }[] {
  const unset: { name: string; at: number | undefined }[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string') return;
      node.value = node.value.replace(VARIABLE, (whole, name: string) => {
        const value = environment[name];
        if (value === undefined) unset.push({ name, at: node.range?.[0] });
        return value ?? whole;
      });
    },
  });
  return unset;
}

function keyOffset(document: Document, path: KeyPath): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = nodeAt(document, path.slice(0, length - 1));
    const key = path[length - 1];
    const pair = isMap(parent) ? parent.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === String(key)) : undefined;
    const node = pair ? pair.key : nodeAt(document, path.slice(0, length));
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}

function written(document: Document, path: KeyPath): string | undefined {
  const node = nodeAt(document, path);
  if (node === undefined) return undefined;
  if (!isScalar(node)) return isMap(node) ? 'a mapping' : 'a list';
  if (node.value === null) return 'empty';
  return typeof node.value === 'string' ? JSON.stringify(node.source ?? node.value) : String(node.source ?? node.value);
}

function nodeAt(document: Document, path: KeyPath): Node | undefined {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? node : undefined;
}

function keyAt(text: string, offset: number): string {
  return /[^:\n]*/.exec(text.slice(offset))?.[0] ?? '';
}

function firstLine(error: unknown): string {
  const message = String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
  return message.includes('Maximum call stack') ? 'it is nested too deep' : message;
}
