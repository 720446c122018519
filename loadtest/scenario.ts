// A scenario: which mail is sent where, how fast, and what must come of it. Declared in scenarios/*.yaml, validated here.
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';

const count = z.int().min(1);

const traffic = z.strictObject({
  messages: count,
  size: count.describe('bytes of a message'),
  sessions: count,
  recipients: count.default(1).describe('of each message, all of one domain'),
  messages_per_connection: count.optional().describe('default: no limit'),
  rate: z.number().positive().optional().describe('messages per second; default: as fast as replies come'),
  pipelining: z.boolean().default(true),
});

/** What the result is held against: at least, as a ratio to Postfix, or at most, as a figure. */
const goals = z.strictObject({
  end_to_end: z.number().optional().describe('at least, times Postfix'),
  accepting: z.number().optional().describe('at least, times Postfix'),
  cpu_per_1000: z.number().optional().describe('at most, seconds'),
  cpu_ratio: z.number().optional().describe('at most, times Postfix'),
  to_250: z.number().optional().describe('median, at most, milliseconds'),
  to_sink: z.number().optional().describe('median, at most, milliseconds'),
});

const common = {
  title: z.string(),
  /** Sent before the measurement, in the same shape: programs and caches are warm, for every target alike. V8 compiles for some ten seconds of load. */
  warmup: z.int().min(0).default(500),
  /** Seconds after which the run is given up. */
  limit: z.number().default(400),
  /** For each target, in its own terms. */
  settings: z.record(z.string(), z.unknown()).default({}),
  goals: goals.prefault({}),
};

const schema = z.discriminatedUnion('kind', [
  z.strictObject({ ...common, kind: z.literal('throughput'), traffic, destinations: count.default(1) }),
  z.strictObject({
    ...common,
    kind: z.literal('slow-destination'),
    traffic: traffic.describe('the fast set'),
    slow: z.strictObject({ destinations: count, messages: count, reply_delay: z.number().describe('seconds before each reply') }),
  }),
  z.strictObject({ ...common, kind: z.literal('deferred-backlog'), traffic }),
  z.strictObject({ ...common, kind: z.literal('idle'), settle: z.number().describe('seconds after ready'), measure: z.number().describe('seconds') }),
]);

export type Scenario = z.infer<typeof schema> & { readonly name: string };
export type Traffic = z.infer<typeof traffic>;
export type ScenarioOf<K extends Scenario['kind']> = Extract<Scenario, { kind: K }>;

const FOLDER = new URL('scenarios/', import.meta.url);

/** The names of all scenarios, in the order of their letters and numbers. */
export function scenarioNames(): string[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -5))
    .sort(new Intl.Collator('en', { numeric: true }).compare);
}

/** Reads a scenario by name. Throws when there is none, or when its file is wrong. */
export function readScenario(name: string): Scenario {
  if (!scenarioNames().includes(name)) throw new Error(`no scenario ${name}; there are ${scenarioNames().join(', ')}`);
  const parsed = schema.safeParse(parse(readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8')));
  if (!parsed.success) throw new Error(`scenarios/${name}.yaml: ${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, name };
}
