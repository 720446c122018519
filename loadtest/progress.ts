// The progress display: one line that rewrites itself on a terminal; elsewhere nothing until a run is done.

export interface Progress {
  /** Shows `text` in place of what was shown. */
  show(text: string): void;
  /** Ends the line and prints `text` for good. */
  print(text: string): void;
}

const ERASE_LINE = '\r\u001b[K';

export function createProgress(out: NodeJS.WriteStream = process.stderr): Progress {
  return {
    show(text) {
      if (out.isTTY) out.write(`${ERASE_LINE}${text.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
    },
    print(text) {
      out.write(`${out.isTTY ? ERASE_LINE : ''}${text}\n`);
    },
  };
}
