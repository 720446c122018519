// What the header of an entity says of it (RFC 2045 sections 5 to 8, RFC 2183, RFC 3282, RFC 2557). Pure; what cannot be read has its default.
import { type Budget, storable } from './budget.ts';
import { type BlockField, fieldText } from './header-block.ts';
import { parseParameters } from './parameters.ts';
import type { Params, Part } from './parsed-message.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type PartHeader = Mutable<Pick<Part, 'type' | 'params' | 'id' | 'desc' | 'enc' | 'md5' | 'disp' | 'lang' | 'loc'>>;

const PART_FIELDS = /^content-(?:type|id|description|transfer-encoding|md5|disposition|language|location)$/;

/** `defaultType` is message/rfc822 within a multipart/digest (RFC 2046 section 5.1.5). The first field of a name counts. */
export function readPartHeader(fields: readonly BlockField[], defaultType: string | undefined, budget: Budget): PartHeader {
  const part: PartHeader = defaultType ? { type: defaultType } : {};
  const seen = new Set<string>();
  for (const field of fields) {
    if (!PART_FIELDS.test(field.name) || seen.has(field.name)) continue;
    seen.add(field.name);
    // Types and encodings decide how the content is read: their octets are counted, never refused.
    if (budget.spent && field.name !== 'content-type' && field.name !== 'content-transfer-encoding') continue;
    readField(part, field.name, fieldText(field), budget);
  }
  return part;
}

function readField(part: PartHeader, name: string, text: string, budget: Budget): void {
  switch (name) {
    case 'content-type':
      return readType(part, text, budget);
    case 'content-transfer-encoding': {
      const encoding = storable(parseParameters(text, 0).value.slice(0, 64));
      if (encoding !== '' && encoding.toLowerCase() !== '7bit') part.enc = encoding;
      return;
    }
    case 'content-disposition': {
      const { value, params } = readParameters(text, budget);
      if (value !== '') part.disp = params.length > 0 ? [budget.keep(value), params] : [budget.keep(value)];
      return;
    }
    case 'content-language': {
      const tags = text.split(',', 20).map((tag) => tag.trim());
      const known = tags.filter((tag) => tag !== '').map((tag) => budget.keep(tag));
      if (known.length > 0) part.lang = known;
      return;
    }
    default: {
      const keys = { 'content-id': 'id', 'content-description': 'desc', 'content-md5': 'md5', 'content-location': 'loc' } as const;
      if (text !== '') part[keys[name as keyof typeof keys]] = budget.keep(text);
    }
  }
}

/** RFC 2045 section 5.2: a type that cannot be read is text/plain. */
function readType(part: PartHeader, text: string, budget: Budget): void {
  const { value, params } = readParameters(text, budget);
  const match = /^([^\s/]{1,127})\s*\/\s*([^\s/]{1,127})/.exec(storable(value));
  if (!match) return;
  const type = `${match[1]}/${match[2]}`;
  if (type.toLowerCase() === 'text/plain') delete part.type;
  else part.type = type;
  if (params.length > 0) part.params = params;
}

function readParameters(text: string, budget: Budget): { value: string; params: Params } {
  const { value, params, cut } = parseParameters(text, budget.limits.params);
  if (cut) budget.cut = true;
  const kept: string[] = [];
  for (let index = 0; index + 1 < params.length && !budget.spent; index += 2) kept.push(budget.keep(params[index] ?? ''), budget.keep(params[index + 1] ?? ''));
  return { value, params: kept };
}
