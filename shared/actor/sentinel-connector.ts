// The way to the master through Sentinels, as ioredis goes it, with one gap closed. What listens for failovers closes the connection that it
// belongs to; when that connection has broken by itself and the new master is being looked up, ioredis takes the same for a disconnect that
// was asked for: the client ends, for good, and every commit of the process waits for ever.
import { SentinelConnector } from 'ioredis';

type Connect = SentinelConnector['connect'];

export class SteadyConnector extends SentinelConnector {
  override connect(...[report]: Parameters<Connect>): ReturnType<Connect> {
    // What listened for the connection before has nothing left to close; the next connection brings its own.
    (this['failoverDetector'] as { cleanup(): void } | null)?.cleanup();
    this['failoverDetector'] = null;
    return super.connect(report);
  }
}
