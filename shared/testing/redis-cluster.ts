// A Redis Cluster of three masters, with replicas when asked for; a dead node is noticed after two seconds. It owns the processes and
// their directories. What can fail: the start.
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { type RedisServer, type RedisServerOptions, startRedis } from './redis.ts';

export type ClusterGroup = AsyncDisposable & {
  /** Addresses of all nodes, for ioredis and for the configuration. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  /** The masters of the start, in the order of their slots, then their replicas. */
  readonly servers: readonly RedisServer[];
  close(): Promise<void>;
};

export type ClusterOptions = Omit<RedisServerOptions, 'listen'> & {
  /** Default 0; with 1 a master that dies is replaced. */
  readonly replicasPerMaster?: number;
};

const MASTERS = 3;
const SLOTS = 16_384;

type Node = RedisServer & { readonly bus: number };

/** Starts the cluster and waits until every node finds it complete. */
export async function startCluster({ replicasPerMaster = 0, ...options }: ClusterOptions = {}): Promise<ClusterGroup> {
  await using started = new AsyncDisposableStack();
  const count = MASTERS * (1 + replicasPerMaster);
  const nodes = await Promise.all(Array.from({ length: count }, async () => started.use(await startNode(options))));
  await joinAll(nodes);
  await giveSlots(nodes.slice(0, MASTERS));
  await complete(nodes);
  await Promise.all(nodes.slice(MASTERS).map(async (node, index) => follow(node, nodes[index % MASTERS] as Node)));
  const all = started.move();
  const close = () => all.disposeAsync();
  return { nodes: nodes.map(({ port }) => ({ host: '127.0.0.1', port })), servers: nodes, close, [Symbol.asyncDispose]: close };
}

async function startNode(options: RedisServerOptions): Promise<Node> {
  const bus = await freePort();
  const cluster = ['cluster-enabled yes', 'cluster-config-file nodes.conf', 'cluster-node-timeout 2000', `cluster-port ${bus}`];
  const server = await startRedis({ ...options, directives: [...cluster, ...(options.directives ?? [])] });
  return Object.assign(server, { bus });
}

async function joinAll(nodes: readonly Node[]): Promise<void> {
  await Promise.all(nodes.map((node, index) => node.command('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)));
  const first = nodes[0] as Node;
  await Promise.all(nodes.slice(1).map((other) => first.command('CLUSTER', 'MEET', '127.0.0.1', other.port, other.bus)));
}

async function giveSlots(masters: readonly Node[]): Promise<void> {
  const firstOf = (index: number) => Math.floor((index * SLOTS) / masters.length);
  await Promise.all(masters.map((node, index) => node.command('CLUSTER', 'ADDSLOTSRANGE', firstOf(index), firstOf(index + 1) - 1)));
}

async function complete(nodes: readonly Node[]): Promise<void> {
  const finds = async (node: Node) => {
    const info = await node.command('CLUSTER', 'INFO');
    return /cluster_state:ok/.test(String(info)) && String(info).includes(`cluster_known_nodes:${nodes.length}\r`);
  };
  await eventually(async () => (await Promise.all(nodes.map(finds))).every(Boolean), { within: 20_000, every: 50 });
}

async function follow(replica: Node, master: Node): Promise<void> {
  await replica.command('CLUSTER', 'REPLICATE', String(await master.command('CLUSTER', 'MYID')));
  await eventually(async () => (await replica.info('replication')).get('master_link_status') === 'up', { within: 20_000, every: 50 });
}
