// The base subject by which messages are sorted and threaded (RFC 5256 section 2.1). Pure.
import { decodeWords } from './encoded-words.ts';

export interface BaseSubject {
  /** Without the marks of replies and forwards; case as written. */
  readonly base: string;
  /** Some mark was taken away. */
  readonly reply: boolean;
}

const BLOB = /\[[^[\]]*\]\s*/y;
const REFWD = /(?:re|fwd?)\s*(?:\[[^[\]]*\]\s*)?:\s*/iy;
const TRAILER = /(?:\s*\(fwd\))+\s*$/i;

/** Takes an unfolded Subject field; encoded words are decoded first. */
export function baseSubject(subject: string): BaseSubject {
  let text = decodeWords(subject).replace(/\s+/g, ' ').trim(); // RFC 5256 section 2.1 step 1
  let reply = false;
  for (;;) {
    const trailed = text.replace(TRAILER, ''); // step 2
    const led = withoutLeaders(trailed); // steps 3 to 5
    const forward = /^\[fwd:(.*)\]$/is.exec(led.text); // step 6
    reply ||= trailed !== text || led.reply || forward !== null;
    text = led.text;
    if (!forward) return { base: text, reply };
    text = (forward[1] ?? '').trim();
  }
}

/** `Re:`, `Fw:`, `Fwd:` with the `[blobs]` before them go; other blobs go while something is left behind them. */
function withoutLeaders(text: string): { text: string; reply: boolean } {
  let at = 0;
  let reply = false;
  for (;;) {
    const { end, last } = blobs(text, at);
    const behind = matchEnd(REFWD, text, end);
    if (behind === end) return { text: text.slice(end < text.length ? end : last).trim(), reply };
    at = behind;
    reply = true;
  }
}

/** The end of the blobs at this place, and where the last of them begins. */
function blobs(text: string, at: number): { end: number; last: number } {
  let last = at;
  let end = at;
  for (let next = matchEnd(BLOB, text, end); next > end; next = matchEnd(BLOB, text, end)) {
    last = end;
    end = next;
  }
  return { end, last };
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
