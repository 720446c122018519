// Validation issues as findings: one sentence each that says what was expected, with a did-you-mean for unknown keys.
import { z } from 'zod';
import type { Finding, KeyPath } from './finding.ts';
import { schema } from './schema.ts';
import { closest } from './suggest.ts';

type Issue = z.core.$ZodIssue;
type JsonSchema = {
  properties?: Record<string, JsonSchema>;
  propertyNames?: { enum?: string[] };
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  oneOf?: JsonSchema[];
  anyOf?: JsonSchema[];
};

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};

/** The findings of one validation issue; several for several unknown keys. */
export function explain(issue: Issue): readonly Finding[] {
  const path = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(path, key));
  return [{ path, problem: `expected ${expectation(issue)}`, value: true }];
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return KINDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return oneOf(issue.values.map(String));
    case 'too_small':
      return bound(issue.origin, 'at least', Number(issue.minimum));
    case 'too_big':
      return bound(issue.origin, 'at most', Number(issue.maximum));
    case 'invalid_format':
      return `text of the form ${issue.pattern ?? issue.format}`;
    case 'invalid_union':
      return union(issue);
    default:
      return issue.message.replace(/^expected /, '');
  }
}

function bound(origin: string, relation: string, limit: number): string {
  if (origin === 'array') return `${relation} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  return origin === 'string' ? `${relation} ${limit} ${limit === 1 ? 'character' : 'characters'}` : `${relation} ${limit}`;
}

function union(issue: z.core.$ZodIssueInvalidUnion): string {
  const { options } = issue as { options?: readonly unknown[] };
  if (options) return oneOf(options.map(String));
  const nested = issue.errors.flatMap((errors) => errors.slice(0, 1).map((first) => expectation(first as Issue)));
  return oneOf([...new Set(nested)]);
}

function oneOf(names: readonly string[]): string {
  return names.length === 1 ? String(names[0]) : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function unknownKey(path: KeyPath, key: string): Finding {
  const known = keysAt(z.toJSONSchema(schema, { io: 'input' }) as JsonSchema, path);
  const near = closest(key, known);
  // The schema has a key by this name for another kind of the same mapping.
  const hint = near === key ? 'this transport has no such key' : near ? `did you mean ${near}?` : `expected ${oneOf(known)}`;
  return { path: [...path, key], problem: `unknown key; ${hint}` };
}

/** The keys that the schema allows at a path. */
function keysAt(node: JsonSchema, path: KeyPath): readonly string[] {
  const branches = [node, ...(node.oneOf ?? []), ...(node.anyOf ?? [])];
  const [key, ...rest] = path;
  if (key === undefined) return [...new Set(branches.flatMap((branch) => branch.propertyNames?.enum ?? Object.keys(branch.properties ?? {})))];
  const next = branches.flatMap((branch) => {
    const child = typeof key === 'number' ? branch.items : (branch.properties?.[key] ?? branch.additionalProperties);
    return typeof child === 'object' ? [child] : [];
  });
  return [...new Set(next.flatMap((child) => keysAt(child, rest)))];
}
