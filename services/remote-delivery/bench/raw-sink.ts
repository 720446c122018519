// The other end of send-path.ts: a sink in a process of its own that does as little as possible and keeps nothing.
import { createServer, type Socket } from 'node:net';

const CAPABILITIES = '250-sink\r\n250-PIPELINING\r\n250-SIZE\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n';
const FINAL_DOT = Buffer.from('\r\n.\r\n');

const server = createServer({ noDelay: true }, (socket) => {
  socket.write('220 sink\r\n');
  socket.on('error', () => socket.destroy());
  socket.on('data', session(socket));
});

function session(socket: Socket): (chunk: Buffer) => void {
  let content = false;
  let tail: Buffer = Buffer.alloc(0);
  return (chunk) => {
    if (!content) {
      const text = chunk.toString('latin1');
      let replies = '';
      for (const command of text.split('\r\n').slice(0, -1)) replies += reply(command);
      content = replies.endsWith('354 go\r\n');
      tail = Buffer.alloc(0);
      socket.write(replies);
      return;
    }
    tail = Buffer.concat([tail.subarray(-5), chunk.subarray(-5)]);
    if (tail.indexOf(FINAL_DOT) !== tail.length - 5) return;
    content = false;
    socket.write('250 2.0.0 Ok: queued as sink\r\n');
  };
}

function reply(command: string): string {
  if (command.startsWith('EHLO')) return CAPABILITIES;
  return command === 'DATA' ? '354 go\r\n' : '250 2.1.0 Ok\r\n';
}

server.listen(0, '127.0.0.1', () => process.send?.((server.address() as { port: number }).port));
process.on('disconnect', () => process.exit());
