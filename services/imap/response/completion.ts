// How a command ends: OK, NO or BAD with a response code and a line for people (RFC 9051 section 7.1). Pure.
import type { Refusal } from '#shared/mailstore/refusal.ts';

export interface Completion {
  readonly status: 'OK' | 'NO' | 'BAD';
  /** Without its brackets: `READ-WRITE`, `APPENDUID 38505 3955`. */
  readonly code?: string;
  /** One line of ASCII; never contains what the client sent. */
  readonly text: string;
}

export function ok(text: string, code?: string): Completion {
  return { status: 'OK', text, ...(code === undefined ? {} : { code }) };
}

export function no(text: string, code?: string): Completion {
  return { status: 'NO', text, ...(code === undefined ? {} : { code }) };
}

export function bad(text: string, code?: string): Completion {
  return { status: 'BAD', text, ...(code === undefined ? {} : { code }) };
}

/** What the store refused, with the code that it names. */
export function refused({ code, text }: Refusal): Completion {
  return no(text, code);
}

/** `OK [CODE] text`. */
export function completionLine({ status, code, text }: Completion): string {
  return code === undefined ? `${status} ${text}` : `${status} [${code}] ${text}`;
}
