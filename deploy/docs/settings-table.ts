// The table of settings, from the schema of the configuration. Pure.

import { z } from 'zod';
import { schema } from '#shared/config/schema.ts';

/** What of a JSON Schema our configuration uses. */
interface Node {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly pattern?: string;
  readonly items?: Node;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Node | boolean;
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
}

interface Row {
  readonly key: string;
  readonly preset: string;
  readonly accepts: string;
  readonly meaning: string;
}

/** Markdown: one row for each setting, in the order of the schema. */
export function settingsTable(): string {
  const rows = rowsOf(z.toJSONSchema(schema, { io: 'input' }) as Node, '', true);
  const lines = rows.map(({ key, preset, accepts, meaning }) => `| \`${key}\` | ${preset} | ${accepts} | ${meaning} |\n`);
  return `| setting | default | accepts | |\n|---|---|---|---|\n${lines.join('')}`;
}

function rowsOf(node: Node, key: string, required: boolean): readonly Row[] {
  if (node.properties)
    return Object.entries(node.properties).flatMap(([name, child]) => rowsOf(child, key === '' ? name : `${key}.${name}`, isRequired(node, name)));
  if (node.oneOf) return node.oneOf.flatMap((variant) => variantRows(variant, key));
  const entries = typeof node.additionalProperties === 'object' ? `${key}.NAME` : `${key}[]`;
  const inner = typeof node.additionalProperties === 'object' ? node.additionalProperties : node.items;
  if (!inner || !isNested(inner)) return [row(node, key, required)];
  const own = { key, preset: preset(node, key), accepts: node.type === 'array' ? 'list' : 'mapping', meaning: cell(node.description ?? '') };
  return [own, ...rowsOf(inner, entries, true)];
}

/** One kind of several, told apart by a constant: `transport: smarthost`. */
function variantRows(variant: Node, key: string): readonly Row[] {
  const [name = '', { const: value = '' } = {}] = Object.entries(variant.properties ?? {}).find(([, child]) => child.const !== undefined) ?? [];
  const others = Object.entries(variant.properties ?? {}).filter(([other]) => other !== name);
  const own = { key: `${key}.${name}: ${value}`, preset: '', accepts: '', meaning: '' };
  return [own, ...others.flatMap(([other, child]) => rowsOf(child, `${key}.${other}`, isRequired(variant, other)))];
}

const isRequired = ({ required = [] }: Node, name: string) => required.includes(name);
const isNested = (node: Node) => node.properties !== undefined || node.oneOf !== undefined;

function row(node: Node, key: string, required: boolean): Row {
  return { key, preset: required ? 'required' : preset(node, key), accepts: accepts(node), meaning: cell(node.description ?? '') };
}

function preset({ default: value, items }: Node, key: string): string {
  if (items && isQuantity(items)) return durationsAt(key).map(duration).join(', ');
  if (value === undefined) return '';
  if (typeof value !== 'object' || value === null) return `\`${value}\``;
  const written = Array.isArray(value) ? value.length : Object.keys(value as object).length;
  return written === 0 ? 'none' : cell(short(value));
}

/** The JSON Schema leaves the default of such a list out, for it is written in other units than it is read. */
function durationsAt(key: string): readonly number[] {
  return key.split('.').reduce<unknown>((value, name) => (value as Record<string, unknown>)[name], schema.parse({})) as readonly number[];
}

/** A list of mappings in few words: what the reader would write. */
function short(value: object): string {
  const text = (each: unknown): string =>
    typeof each === 'object' && each !== null
      ? Object.entries(each)
          .map(([name, of]) => `${name}: ${text(of)}`)
          .join(', ')
      : String(each);
  if (!Array.isArray(value)) return text(value);
  return value
    .map((each: Record<string, unknown>) => `${each['address']}:${each['port']} (${[each['kind'], each['tls']].filter(Boolean).join(', ')})`)
    .join(', ');
}

function accepts(node: Node): string {
  if (node.enum) return node.enum.map((each) => `\`${each}\``).join(', ');
  if (node.anyOf) return [...new Set(node.anyOf.map(accepts))].join(' or ');
  if (isQuantity(node)) return /[a-z]$/.test(String(node.default)) ? 'duration' : 'size';
  if (node.type === 'array') return `list of ${node.items ? (isQuantity(node.items) ? 'durations' : accepts(node.items)) : 'values'}`;
  if (node.minimum !== undefined)
    return node.maximum === undefined || node.maximum === Number.MAX_SAFE_INTEGER ? `from ${node.minimum}` : `${node.minimum} to ${node.maximum}`;
  return { string: 'text', boolean: 'true, false', object: 'mapping' }[String(node.type)] ?? String(node.type);
}

/** Written as a number or with a unit. */
const isQuantity = ({ type }: Node) => Array.isArray(type) && type.includes('number') && type.includes('string');

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
];

function duration(milliseconds: number): string {
  const [unit, factor] = UNITS.find(([, size]) => milliseconds % size === 0) ?? ['ms', 1];
  return `\`${milliseconds / factor}${unit}\``;
}

const cell = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
