// A TCP pass-through: what the source sends goes to the sink and back. Shows what source, sink and machine can do by themselves.
import { connect, createServer } from 'node:net';

const [listenPort, sinkPort, sinkAddress] = process.argv.slice(2);

createServer({ noDelay: true }, (client) => {
  const sink = connect({ host: sinkAddress ?? '127.0.0.1', port: Number(sinkPort), noDelay: true });
  client.pipe(sink).pipe(client);
  client.on('error', () => sink.destroy());
  sink.on('error', () => client.destroy());
}).listen(Number(listenPort), '127.0.0.1');
