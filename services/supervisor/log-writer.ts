// Writes the lines of a log to standard output or to a file, in bulk and in the thread pool. It owns the descriptor and what waits for it.
// It neither throws nor holds anybody up: what cannot be written is tried again each second, and beyond a bound it is lost.
import { closeSync, openSync, write, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { blockThread } from '#shared/telemetry/clock.ts';

/** A write for each line would cost a busy process more than the line. */
const IN_BULK = 4096;
/** Nobody waits longer than this for a line (milliseconds). */
const WITHIN = 100;
/** Milliseconds until the next attempt, when a reader is slow, and when the disk is full or the terminal gone. */
const SLOW = 10;
const FAILED = 1_000;
/** What waits is lost beyond this many characters. */
const MOST = 4 << 20;
/** How long the end of a process waits for a slow reader (milliseconds). */
const AT_THE_END = 500;
const NOTHING = Buffer.alloc(0);

export class LogWriter {
  readonly #file: string | undefined;
  readonly #bulk: number;
  #descriptor = 1;
  /** Begun, and not yet written. */
  #begun: Buffer = NOTHING;
  #waiting = '';
  #writing = false;
  #pausing = false;
  #reopens = false;
  #timer: NodeJS.Timeout | undefined;

  /** Without a file: standard output. Throws where the file cannot be opened. */
  constructor(file: string | undefined) {
    this.#file = file;
    this.#bulk = isatty(1) && file === undefined ? 0 : IN_BULK;
    if (file !== undefined) this.#descriptor = open(file);
    // This alone has Node.js open it so that a pipe or a terminal that nobody reads gives EAGAIN instead of holding a thread for ever.
    else void process.stdout.isTTY;
  }

  write(line: string): void {
    if (this.#waiting.length + line.length > MOST) return;
    this.#waiting += line;
    if (this.#waiting.length > this.#bulk) this.#send();
    this.#later(WITHIN);
  }

  /** Opens the file anew, between two writes. Where that fails the old one stays. */
  reopen(): void {
    this.#reopens = this.#file !== undefined;
    if (!this.#writing) this.#exchange();
  }

  /** For the end of the process, which must not hang on its log: one attempt, and a moment for a slow reader. */
  end(): void {
    const waiting = Buffer.from(this.#waiting);
    let left = this.#writing ? waiting : Buffer.concat([this.#begun, waiting]);
    this.#waiting = '';
    const until = performance.now() + AT_THE_END;
    while (left.length > 0)
      try {
        left = left.subarray(writeSync(this.#descriptor, left));
      } catch (error) {
        if (!isSlow(error) || performance.now() > until) return;
        blockThread(SLOW);
      }
  }

  #send(): void {
    if (this.#writing || this.#pausing) return;
    if (this.#begun.length === 0) {
      this.#begun = Buffer.from(this.#waiting);
      this.#waiting = '';
    }
    if (this.#begun.length === 0) return;
    this.#writing = true;
    write(this.#descriptor, this.#begun, (error, written) => {
      this.#writing = false;
      if (error) this.#pause(isSlow(error) ? SLOW : FAILED);
      else this.#begun = this.#begun.subarray(written);
      if (this.#reopens) this.#exchange();
      if (this.#begun.length > 0 || this.#waiting.length > this.#bulk) this.#send();
      else if (this.#waiting.length > 0) this.#later(WITHIN);
    });
  }

  #pause(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pausing = true;
    this.#later(milliseconds);
  }

  /** Only while there are lines: an idle process is not woken. */
  #later(milliseconds: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#pausing = false;
      this.#send();
    }, milliseconds).unref();
  }

  #exchange(): void {
    if (this.#file === undefined) return;
    this.#reopens = false;
    const old = this.#descriptor;
    try {
      this.#descriptor = open(this.#file);
      closeSync(old);
    } catch {
      // The folder is gone, say: what has the old file still has it.
    }
  }
}

const open = (file: string) => openSync(file, 'a', 0o600);

function isSlow(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EAGAIN';
}
