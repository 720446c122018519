// What one parse may keep of texts, in characters. Owned by one parse; says whether anything was left out.
import type { ParseLimits } from './parse-limits.ts';

export class Budget {
  readonly limits: ParseLimits;
  #left: number;
  /** A limit was met. */
  cut = false;

  constructor(limits: ParseLimits) {
    this.limits = limits;
    this.#left = limits.structure;
  }

  /** The text, or as much of it as may be kept. */
  keep(text: string): string {
    const most = Math.min(this.limits.value, this.#left);
    if (text.length > most) this.cut = true;
    const kept = storable(text.slice(0, most));
    this.#left -= kept.length;
    return kept;
  }

  /** Nothing more is kept: what is optional is left out altogether. */
  get spent(): boolean {
    if (this.#left <= 0) this.cut = true;
    return this.#left <= 0;
  }
}

/** The text as every database takes it: no NUL, no half of a character. */
export function storable(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
}
