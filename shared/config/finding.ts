// What is wrong at one key of the configuration, and how a key path is written for people.

export type KeyPath = readonly (string | number)[];

export interface Finding {
  readonly path: KeyPath;
  /** What is wrong or what was expected, without the path and the value. */
  readonly problem: string;
  /** The value is at fault, and is shown. */
  readonly value?: boolean;
}

/** `ingress.listeners[0].port`, `domains."example.org".aliases.info`. */
export function formatPath(path: KeyPath): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`;
    else text += (text === '' ? '' : '.') + (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));
  }
  return text;
}
