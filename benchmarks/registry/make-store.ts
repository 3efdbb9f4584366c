import { randomBytes } from 'node:crypto';
import { Registry } from '@muster/registry';
import { serveTasks } from '../harness/child.ts';
import {
  addressOf,
  makeTemplates,
  type NodeTemplate,
  PUBLIC_KEY_BYTES,
  tagsOf,
  templateIndex,
} from './node-template.ts';
import { identityOf, KEYED_NODES, LIST_MEMBERS, LIST_NETWORK } from './population.ts';

type Directory = NonNullable<Registry['directory']>;
type RegistryEvent = Parameters<NonNullable<Registry['engine']>['commit']>[0][number];

const EVENTS_PER_COMMIT = 2000;

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
 * Makes a store with records of the usual size: a snapshot, and a log behind it. The nodes are put into the table the way
 * a snapshot is loaded, since an event for each of a million would take most of the benchmark's time; what comes
 * after that, and all writing, is what a running registry does.
 */
async function makeStore(plan: StorePlan): Promise<void> {
  const registry = await Registry.start({
    listen: { host: '127.0.0.1', port: 0 },
    directory: plan.directory,
    durability: 'async',
  });
  // No snapshot but the one below, so that what is left in the log is known.
  registry.breakers.get('snapshot.write').set({ state: 'open', reason: 'benchmark' }, Date.now());
  fill(registry.directory as Directory, plan.nodes, await makeTemplates());
  if (plan.withList) await commitAll(registry, largeNetwork());
  await registry.store?.writeSnapshot();
  await commitAll(registry, tail(plan));
  await registry.stop();
}

function fill(directory: Directory, count: number, templates: readonly NodeTemplate[]): void {
  const { nodes } = directory;
  const at = Math.floor(Date.now() / 1000);
  const keys = randomBytes(PUBLIC_KEY_BYTES * count);
  for (let id = 1; id <= Math.min(KEYED_NODES, count); id++)
    keys.set(identityOf(id).publicKey, PUBLIC_KEY_BYTES * (id - 1));
  for (let id = 1; id <= count; id++) {
    const key = keys.subarray(PUBLIC_KEY_BYTES * (id - 1), PUBLIC_KEY_BYTES * id);
    const template = templates[templateIndex(id)] as NodeTemplate;
    const slot = nodes.restore(id, template.flags, template.profileOf(id, key));
    nodes.lastSeen[slot] = at;
    nodes.createdAt[slot] = at;
  }
  directory.nextNode = count + 1;
}

async function commitAll(registry: Registry, events: Iterable<RegistryEvent>): Promise<void> {
  const { engine } = registry;
  if (engine === undefined) throw new Error('the registry has no engine');
  const { log } = engine.options;
  let batch: RegistryEvent[] = [];
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

function* largeNetwork(): Generator<RegistryEvent> {
  const at = Math.floor(Date.now() / 1000);
  const head = { name: 'large', joinRule: 'open', enterprise: false, creator: 0, at } as const;
  yield { type: 'network.created', id: LIST_NETWORK, ...head };
  for (let node = 1; node <= LIST_MEMBERS; node++)
    yield { type: 'network.joined', network: LIST_NETWORK, node, role: 'member' };
}

/** What a fleet does all day: endpoints move, tags change. */
function* tail(plan: StorePlan): Generator<RegistryEvent> {
  const at = Math.floor(Date.now() / 1000);
  for (let n = 0; n < plan.tailEvents; n++) {
    const id = 1 + ((n * 7919) % plan.nodes);
    if (n % 4 === 0) yield { type: 'node.tags', id, tags: tagsOf(n) };
    else yield { type: 'node.updated', id, at, realAddr: addressOf(id + n), version: `2.0.${n % 9}` };
  }
}

serveTasks({ make: makeStore });
