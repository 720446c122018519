// How far a long command is, on the terminal of whoever waits: one line that is written over, and nothing where nobody looks.
import { plain, size } from '../terminal.ts';

export interface Progress extends Disposable {
  /** One message more. */
  step(bytes: number): void;
  /** What is done now, such as the mailbox. */
  at(what: string): void;
}

const EVERY = 200;

/** `doing`, such as `imported`. */
export function startProgress(doing: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  let messages = 0;
  let bytes = 0;
  let place = '';
  if (!stream.isTTY) return { step() {}, at() {}, [Symbol.dispose]() {} };
  const began = performance.now();
  const show = (): void => {
    const rate = Math.round((messages * 1000) / Math.max(1, performance.now() - began));
    const text = `${messages} messages ${doing}, ${size(bytes)}, ${rate}/s  ${plain(place)}`;
    stream.write(`\r\u001b[K${text.slice(0, Math.max(20, stream.columns - 1))}`);
  };
  const timer = setInterval(show, EVERY).unref();
  return {
    step(more) {
      messages++;
      bytes += more;
    },
    at(what) {
      place = what;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      stream.write('\r\u001b[K');
    },
  };
}
