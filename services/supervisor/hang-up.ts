// SIGHUP, and whose end is ours too: the terminal that we were started from, and npm. A supervisor (systemd, Kubernetes) sends SIGHUP to have the
// configuration read again; a terminal that closes sends it as well, and who then went on would go on unseen.
import { isatty } from 'node:tty';
import { every } from '#shared/telemetry/every.ts';

/** Milliseconds. A shell may send SIGHUP shortly before the terminal is gone. */
const TERMINAL_PATIENCE = 200;
/** How often we look whether npm is there, in milliseconds. */
const LOOK = 5_000;

export interface HangUp {
  /** A SIGHUP that is nothing but itself. */
  readonly reload: () => void;
  /** The terminal or npm is gone, and why in a word or two. May come more than once. */
  readonly left: (why: string) => void;
}

/** Listens for the rest of the process's life. Without a terminal and without npm every SIGHUP is a reload. */
export function onHangUp({ reload, left }: HangUp): void {
  const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));
  process.on('SIGHUP', () => {
    if (terminals.length === 0) return reload();
    setTimeout(() => (terminals.some((descriptor) => isatty(descriptor)) ? reload() : left('terminal closed')), TERMINAL_PATIENCE);
  });
  // npm dies of a SIGHUP and passes none on. It is our parent, for each step of `npm start` replaces itself by the next.
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const npm = process.ppid;
  const stop = every(LOOK, () => {
    if (process.ppid === npm) return;
    stop();
    left('npm ended');
  });
}
