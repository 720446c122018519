// The query strings of the admin API: which messages are meant. What does not read is a 400 that says what was expected.
import { z } from 'zod';
import { age } from '#shared/config/units.ts';
import { MESSAGE_STATES, type QueueFilter } from '#shared/spool/inspect.ts';
import { isQueueId, type QueueId } from '#shared/spool/queue-id.ts';
import { badRequest } from './api-error.ts';

const queueId = z
  .string()
  .transform((text) => text.toUpperCase())
  .refine(isQueueId, 'expected a queue id: 25 characters')
  .transform((id) => id as QueueId);
const address = z
  .string()
  .max(1000)
  .transform((text) => text.trim().replace(/^<(.*)>$/, '$1'));
const limit = (most: number) => z.coerce.number().int().min(1).max(most).default(Math.min(most, 100));
const all = z.literal('true').optional();

const filter = {
  id: queueId.optional(),
  sender: address.optional(),
  recipient: address.optional(),
  domain: z.string().min(1).max(255).optional(),
  // Not its default: an age that nobody gave is no filter.
  'older-than': age('0s').unwrap().optional(),
  state: z.enum(MESSAGE_STATES).optional(),
};

export const queries = {
  none: z.strictObject({}),
  list: z.strictObject({ ...filter, order: z.enum(['newest', 'oldest']).default('newest'), limit: limit(1000), cursor: queueId.optional() }),
  change: z.strictObject({ ...filter, all }),
  trace: z.strictObject({
    id: queueId.optional(),
    address: address.optional(),
    'message-id': z.string().min(1).max(1000).optional(),
    limit: limit(200).default(20),
  }),
  deadLetters: z.strictObject({ limit: limit(10_000) }),
  deadLetter: z.strictObject({ mailbox: z.string().optional(), entry: z.string().optional(), all }),
} as const;

/** Reads a query string; throws a 400. */
export function parseQuery<S extends z.ZodType>(schema: S, query: unknown): z.output<S> {
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => (path.length > 0 ? `${path.join('.')}: ${message}` : message));
  throw badRequest(problems.join('; '));
}

export function parseId(text: string): QueueId {
  const parsed = queueId.safeParse(text);
  if (!parsed.success) throw badRequest('id: expected a queue id: 25 characters');
  return parsed.data;
}

/** The filter of a query; `now` turns an age into a time. */
export function filterOf(query: z.output<typeof queries.change> | z.output<typeof queries.list>, now: number): QueueFilter {
  const { id, sender, recipient, domain, state, 'older-than': age } = query;
  return {
    ...(id === undefined ? {} : { id }),
    ...(sender === undefined ? {} : { sender }),
    ...(recipient === undefined ? {} : { recipient }),
    ...(domain === undefined ? {} : { domain }),
    ...(state === undefined ? {} : { state }),
    ...(age === undefined ? {} : { before: now - age }),
  };
}

/** Throws a 400 for a change to everything that was not asked for in so many words. */
export function refuseEverything(filter: QueueFilter, allowed: boolean): void {
  if (Object.keys(filter).length === 0 && !allowed) throw badRequest('say which messages: id, sender, recipient, domain, older-than or state; or all=true');
}
