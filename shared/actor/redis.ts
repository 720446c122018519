// Connections to Redis: standalone, Sentinel or Cluster from one configuration. Owns reconnecting; what a broken
// connection means for a command in flight is decided by its caller.
import { readFileSync } from 'node:fs';
import { type RedisOptions as AllRedisOptions, Cluster, Redis } from 'ioredis';
import type { Config } from '#shared/config/schema.ts';
import type { Logger } from '#shared/telemetry/log.ts';
import { SteadyConnector } from './sentinel-connector.ts';

/** The choice of reply mapping has its own overloads; we keep the default. */
type RedisOptions = Omit<AllRedisOptions, 'replyMapping'>;
export type RedisClient = Redis | Cluster;
export type RedisConfig = Config['redis'];

export interface Connector {
  /**
   * A new connection. `commands` fails fast when the connection breaks (its callers repeat what may be repeated);
   * `waiting` keeps commands until Redis is back (BullMQ's workers); `reads` also sends what one turn of the loop asks in one write.
   */
  connect(kind: 'commands' | 'waiting' | 'reads', name: string): RedisClient;
}

/** How long (ms) a server may owe an answer. Beyond it the host is gone without a word, which TCP notices only after a quarter of an hour. */
const ANSWERS_WITHIN = 30_000;

/** How often (ms) a Cluster is asked who its masters are: one that gave up its slots, or hangs, tells nobody. */
const LOOK_AT_SLOTS = 5000;

/** `defaultUrl` is the embedded Redis: used when the configuration names none. */
export function createConnector(config: RedisConfig, defaultUrl: string | undefined, log: Logger, answersWithin = ANSWERS_WITHIN): Connector {
  const base = baseOptions(config);
  return {
    connect(kind, name) {
      const options: RedisOptions = {
        ...base,
        connectionName: `stafette-${name}`,
        maxRetriesPerRequest: kind === 'commands' ? 0 : null,
        autoResendUnfulfilledCommands: kind !== 'commands',
        enableAutoPipelining: kind === 'reads' && config.cluster !== undefined,
        socketTimeout: answersWithin + config.replica_timeout, // no command of BullMQ blocks for longer than 10 s
      };
      const client = open(config, options, defaultUrl);
      if (kind === 'reads' && client instanceof Redis) writeOncePerTurn(client);
      client.on('error', (error: Error) => log.debug({ err: error.message, connection: name }, 'redis connection error'));
      return client;
    },
  };
}

function baseOptions(config: RedisConfig): RedisOptions {
  const tls = config.ca ? { ca: readFileSync(config.ca) } : undefined;
  return {
    ...(config.username ? { username: config.username } : {}),
    ...(config.password_file ? { password: readFileSync(config.password_file, 'utf8').trim() } : {}),
    ...(tls ? { tls } : {}),
    connectTimeout: 5000,
    retryStrategy: (times) => Math.min(50 * times, 1000),
    reconnectOnError: (error) => (/^(READONLY|MASTERDOWN)/.test(error.message) ? 1 : false),
    enableReadyCheck: true,
  };
}

function open(config: RedisConfig, options: RedisOptions, defaultUrl: string | undefined): RedisClient {
  if (config.cluster) {
    return new Cluster(config.cluster, {
      redisOptions: options,
      clusterRetryStrategy: (times) => Math.min(100 * times, 1000),
      retryDelayOnFailover: 100,
      slotsRefreshInterval: LOOK_AT_SLOTS,
      slotsRefreshTimeout: 2000,
    });
  }
  if (config.sentinels) {
    return new Redis({
      ...options,
      sentinels: config.sentinels,
      name: config.sentinel_name,
      Connector: SteadyConnector as NonNullable<RedisOptions['Connector']>,
      failoverDetector: true,
      sentinelRetryStrategy: (times: number) => Math.min(50 * times, 1000),
      sentinelReconnectStrategy: (times: number) => Math.min(100 * times, 5000),
      sentinelCommandTimeout: 3000,
    });
  }
  const url = config.url ?? defaultUrl;
  if (!url) throw new Error('no Redis is configured');
  return url.startsWith('/') || url.startsWith('unix:') ? new Redis({ ...options, path: url.replace(/^unix:(\/\/)?/, '') }) : new Redis(url, options);
}

/**
 * Holds what one turn of the loop asks back until its end, for one write. ioredis's automatic pipelines do the same, in a Cluster by node, but each is
 * an object that costs more than the commands in it (see `directTransaction` in jobs.ts).
 */
function writeOncePerTurn(client: Redis): void {
  const send = client.sendCommand.bind(client);
  let held: Redis['stream'] | undefined;
  client.sendCommand = (...command) => {
    const { stream } = client;
    if (stream && stream !== held) {
      held = stream;
      stream.cork();
      setImmediate(() => {
        held = undefined;
        stream.uncork();
      });
    }
    return send(...command);
  };
}
