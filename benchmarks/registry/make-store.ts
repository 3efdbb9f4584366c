import { randomBytes } from 'node:crypto';
import { Registry } from '@muster/registry';
import { serveTasks } from '../harness/child.ts';
import { identityOf, isPublicNode, KEYED_NODES, LIST_MEMBERS, LIST_NETWORK } from './population.ts';

type Engine = NonNullable<Registry['engine']>;
type Event = Parameters<Engine['commit']>[0][number];

const EVENTS_PER_COMMIT = 2000;
const PUBLIC_KEY_BYTES = 32;
const TAGS = ['edge', 'gpu', 'arm64', 'eu-west', 'us-east', 'storage', 'relay', 'canary'];

/** What a store is to hold. */
export interface StorePlan {
  readonly directory: string;
  readonly nodes: number;
  /** Events behind the snapshot. */
  readonly tailEvents: number;
  /** With a network of {@link LIST_MEMBERS} members. */
  readonly withList: boolean;
}

/**
 * Makes a store as a registry does, through the engine's own commits, but without a connection and a signature for each
 * node: records of the usual size, a snapshot, and a log behind it.
 */
async function makeStore(plan: StorePlan): Promise<void> {
  const registry = await Registry.start({
    listen: { host: '127.0.0.1', port: 0 },
    directory: plan.directory,
    durability: 'async',
  });
  // Only the snapshot that is asked for below, so that what is left in the log is known.
  registry.breakers.get('snapshot.write').set({ state: 'open', reason: 'benchmark' }, Date.now());
  const { engine, store } = registry;
  if (engine === undefined || store === undefined) throw new Error('the registry has no store');
  await commitAll(registry, population(plan));
  await store.writeSnapshot();
  await commitAll(registry, tail(plan));
  await registry.stop();
}

async function commitAll(registry: Registry, events: Iterable<Event>): Promise<void> {
  const engine = registry.engine as Engine;
  const { log } = engine.options;
  let batch: Event[] = [];
  const flush = async (): Promise<void> => {
    engine.commit(batch);
    batch = [];
    while (log.durableSeq + 20 * EVENTS_PER_COMMIT < log.appendedSeq) await turn();
  };
  for (const event of events) {
    batch.push(event);
    if (batch.length === EVENTS_PER_COMMIT) await flush();
  }
  if (batch.length > 0) await flush();
  while (log.durableSeq < log.appendedSeq) await turn();
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function* population(plan: StorePlan): Generator<Event> {
  const at = Math.floor(Date.now() / 1000);
  if (plan.withList) {
    yield {
      type: 'network.created',
      id: LIST_NETWORK,
      name: 'large',
      joinRule: 'open',
      enterprise: false,
      creator: 0,
      at,
    };
  }
  for (let id = 1; id <= plan.nodes; id++) {
    yield registration(id, at);
    if (id % 5 === 0) yield { type: 'node.tags', id, tags: tagsOf(id) };
    if (isPublicNode(id)) yield { type: 'node.visibility', id, public: true };
    if (plan.withList && id <= LIST_MEMBERS)
      yield { type: 'network.joined', network: LIST_NETWORK, node: id, role: 'member' };
  }
}

function registration(id: number, at: number): Event {
  const key = id <= KEYED_NODES ? Buffer.from(identityOf(id).publicKey) : randomBytes(PUBLIC_KEY_BYTES);
  return {
    type: 'node.registered',
    id,
    key: key.toString('base64'),
    at,
    signed: true,
    hostname: `node-${id.toString().padStart(8, '0')}-rack${id % 97}`,
    realAddr: addressOf(id),
    version: `1.${id % 12}.${id % 7}`,
    lanAddrs: [`10.${(id >> 16) & 255}.${(id >> 8) & 255}.${id & 255}:4000`],
    ...(id % 10 === 0 ? { owner: `team-${id}@fleet.example` } : {}),
  };
}

function addressOf(id: number): string {
  return `198.${18 + ((id >> 16) & 1)}.${(id >> 8) & 255}.${id & 255}:${4000 + (id % 100)}`;
}

function tagsOf(id: number): readonly string[] {
  return [TAGS[id % 8] as string, TAGS[(id + 3) % 8] as string];
}

/** What a fleet does all day: endpoints move, tags change. */
function* tail(plan: StorePlan): Generator<Event> {
  const at = Math.floor(Date.now() / 1000);
  for (let n = 0; n < plan.tailEvents; n++) {
    const id = 1 + ((n * 7919) % plan.nodes);
    if (n % 4 === 0) yield { type: 'node.tags', id, tags: tagsOf(n) };
    else yield { type: 'node.updated', id, at, realAddr: addressOf(id + n), version: `2.0.${n % 9}` };
  }
}

serveTasks({ make: makeStore });
