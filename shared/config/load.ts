// Reads one YAML file into a Config: parse, validate, cross-check. What can fail is a ConfigError with one clear line per problem.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { check } from './check.ts';
import { checkFiles } from './check-files.ts';
import { explain } from './explain.ts';
import { type Finding, formatPath, type KeyPath } from './finding.ts';
import { type Config, schema } from './schema.ts';
import { readSource, type Source } from './source.ts';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One line per problem: `file:line: key.path is value: what was expected`. */
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** Reads, validates and checks `file`; relative paths in it are relative to the working directory. Throws ConfigError. */
export function loadConfig(file: string, environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const text = readText(file);
  const config = parseConfig(text, file, environment);
  const findings = checkFiles(config);
  if (findings.length > 0) throw new ConfigError(linesOf(findings, file, readSource(text, environment)));
  return { ...config, data_dir: resolve(config.data_dir) };
}

/** What was found later about a configuration that could be loaded, as loadConfig would say it. */
export function findingLines(file: string, findings: readonly Finding[], environment: Readonly<Record<string, string | undefined>> = process.env) {
  return linesOf(findings, file, readSource(readText(file), environment));
}

/** Validates the text of a configuration file without looking at other files. `name` stands in the error lines. Throws ConfigError. */
export function parseConfig(text: string, name: string, environment: Readonly<Record<string, string | undefined>> = {}): Config {
  const source = readSource(text, environment);
  const parsed = source.findings.length > 0 ? undefined : schema.safeParse(source.value);
  const findings = parsed?.success
    ? check(parsed.data).map((finding) => ({ ...finding, value: finding.value === true && source.written(finding.path) !== undefined }))
    : (parsed?.error.issues.flatMap(explain) ?? source.findings);
  if (parsed?.success && findings.length === 0) return parsed.data;
  throw new ConfigError(linesOf(findings, name, source));
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigError([`${file}: cannot be read: ${code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : (error as Error).message}`]);
  }
}

type Located = Finding & { readonly line?: number };

function linesOf(findings: readonly Located[], name: string, source: Source): readonly string[] {
  return inOrder(findings, source).map((finding) => line(name, source, finding));
}

function inOrder(findings: readonly Located[], source: Source): Located[] {
  return findings.map((finding) => ({ ...finding, line: finding.line ?? source.lineOf(finding.path) })).sort((a, b) => a.line - b.line);
}

function line(name: string, source: Source, finding: Located): string {
  const where = `${name}:${finding.line ?? source.lineOf(finding.path)}`;
  if (finding.path.length === 0) return `${where}: ${finding.problem}`;
  const key = formatPath(finding.path);
  if (!finding.value) return `${where}: ${key}: ${finding.problem}`;
  const shown = show(source.written(finding.path), finding.path);
  return `${where}: ${key} ${shown === undefined ? 'is missing' : `is ${shown}`}: ${finding.problem}`;
}

/** The value as written; a hash not at all, a URL without its password. */
function show(written: string | undefined, path: KeyPath): string | undefined {
  if (written === undefined) return undefined;
  if (path.at(-1) === 'password_hash') return '(hidden)';
  const masked = written.replace(/(:\/\/)[^@"]*@/, '$1***@');
  return masked.length > 80 ? `${masked.slice(0, 76)}..."` : masked;
}
