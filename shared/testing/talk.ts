// A client that says what it is told, whatever is answered: for noise on a live server. It owns its socket and fails at nothing.
import { connect } from 'node:net';

/** Once it is greeted, sends each chunk in a turn of its own, closes its side, and returns all that came. */
export function talk(port: number, sent: readonly Buffer[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    let said = '';
    const next = (index: number) => {
      const chunk = sent[index];
      if (!chunk) return void socket.end();
      if (chunk.length > 0 && !socket.destroyed) socket.write(chunk);
      setImmediate(next, index + 1);
    };
    socket.on('error', () => undefined).on('close', () => resolve(said));
    socket.on('end', () => socket.end());
    socket.on('data', (data) => {
      if (said === '') next(0);
      said += data.toString('latin1');
    });
  });
}
