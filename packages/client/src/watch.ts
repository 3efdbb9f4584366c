/**
 * Watching a network by asking again and again, for changes only where the server can tell them.
 *
 * Fault model: polls may fail for any time, replies may be lost, and the server may be another one than before (a
 * restart, a promoted standby) whose versions mean something else. What is known is therefore compared with a whole
 * list after every failure and from time to time, and the events always lead from the state they began with to the
 * one they end with. What happened and was undone between two polls is not seen.
 */
import type { FullNodeList, ListNodesOptions, NodeList, NodeListDelta } from './calls/listing.ts';
import type { NodeEntry } from './calls/node-entry.ts';
import { type Environment, jittered, pause } from './environment.ts';
import { clientErrors, isTransient, refusalOf } from './errors.ts';
import { fraction, integer } from './options.ts';

/** Something happened to a member of the network. */
export type NodeChange =
  /** `initial`: it was there when the watch began. */
  | { readonly kind: 'joined'; readonly node: NodeEntry; readonly initial: boolean }
  /** With the node as it was last seen. */
  | { readonly kind: 'left'; readonly node: NodeEntry }
  | { readonly kind: 'changed'; readonly node: NodeEntry; readonly previous: NodeEntry };

/** One poll that succeeded. */
export interface WatchPoll {
  /** Whether the whole list was asked for and compared, or changes only. */
  readonly kind: NodeList['kind'];
  readonly version: number | undefined;
  /**
   * Ids of members that the server names as changed, also of those whose entries say nothing new: a list shows no keys, and no
   * addresses of private members. Undefined when the whole list was asked for: then that may be so of any of them.
   */
  readonly touched: readonly number[] | undefined;
  /** Members now, once the events of this poll are consumed. */
  readonly nodeCount: number;
}

/** Options of `watch`. */
export interface WatchOptions {
  /** Pause between polls. @default 5000 */
  readonly intervalMs?: number;
  /** Largest part of the pause that chance takes off, 0 to 1. @default 0.2 */
  readonly jitter?: number;
  /** The whole list is compared after this time even if all is well. @default 600000 */
  readonly resyncIntervalMs?: number;
  /** With more members the watch ends with WATCH_TOO_LARGE: they are all kept in memory. @default 200000 */
  readonly maxNodes?: number;
  /** Ends the watch without an error. */
  readonly signal?: AbortSignal;
  /** Hears of each poll that succeeded, after its events were consumed; the first says that the initial state is complete. */
  readonly onPoll?: (poll: WatchPoll) => void;
  /**
   * Hears of each pause between polls, with what ends it early: for who has reason to think that something has changed. A server
   * should not be asked much more often than the interval says.
   */
  readonly onPause?: (pollNow: () => void) => void;
  /** Hears of failures that the watch survives. */
  readonly onError?: (error: Error) => void;
}

/** What a watch asks. */
export interface WatchSource {
  listNodes(
    networkId: number,
    options: ListNodesOptions & { readonly sinceVersion: number },
  ): Promise<NodeList>;
}

/** Members of an entry that change with every heartbeat. */
const VOLATILE: ReadonlySet<string> = new Set(['last_seen', 'last_seen_unix']);

/** The longest pause after a failure, as a multiple of the interval. */
const MAX_BACK_OFF = 16;

/** See `RegistryClient.watch`. */
export async function* watchNetwork(
  source: WatchSource,
  environment: Environment,
  networkId: number,
  options: WatchOptions,
  stop: AbortSignal,
): AsyncGenerator<NodeChange, void, undefined> {
  const intervalMs = integer('intervalMs', options.intervalMs, 5000, 1, 2_000_000_000);
  const jitter = fraction('jitter', options.jitter, 0.2);
  const resyncIntervalMs = integer('resyncIntervalMs', options.resyncIntervalMs, 600_000, 1, 2_000_000_000);
  const members = new Members(integer('maxNodes', options.maxNodes, 200_000, 1, 0xffff_ffff));
  // 0 asks for everything, and so does a version that the server doesn't know.
  let version = 0;
  let failures = 0;
  let resyncAtMs = 0;
  while (!stop.aborted) {
    let list: NodeList;
    try {
      if (environment.now() >= resyncAtMs) version = 0;
      list = await source.listNodes(networkId, { sinceVersion: version, signal: stop });
    } catch (error) {
      if (stop.aborted) return;
      if (!isTransient(error)) throw error;
      options.onError?.(error as Error);
      version = 0;
      const backOffMs = intervalMs * Math.min(MAX_BACK_OFF, 2 ** Math.min(failures++, 10));
      const waitMs = Math.max(jittered(environment, backOffMs, jitter), refusalOf(error)?.retryAfterMs ?? 0);
      await pauseBetween(environment, waitMs, options, stop);
      continue;
    }
    failures = 0;
    if (version === 0) resyncAtMs = environment.now() + resyncIntervalMs;
    yield* list.kind === 'full' ? members.replace(list) : members.apply(list);
    version = list.version ?? 0;
    const touched = list.kind === 'full' ? undefined : list.changed.map(({ nodeId }) => nodeId);
    options.onPoll?.({ kind: list.kind, version: list.version, touched, nodeCount: members.size });
    await pauseBetween(environment, jittered(environment, intervalMs, jitter), options, stop);
  }
}

async function pauseBetween(
  environment: Environment,
  waitMs: number,
  { onPause }: WatchOptions,
  stop: AbortSignal,
): Promise<void> {
  const early = new AbortController();
  onPause?.(() => early.abort());
  await pause(environment, waitMs, onPause === undefined ? stop : AbortSignal.any([stop, early.signal]));
}

/** The members as the consumer knows them. */
class Members {
  readonly #known = new Map<number, NodeEntry>();
  readonly #maxNodes: number;
  #initial = true;

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
  }

  get size(): number {
    return this.#known.size;
  }

  *replace({ nodes }: FullNodeList): Generator<NodeChange> {
    const present = new Set(nodes.map((node) => node.nodeId));
    for (const nodeId of this.#known.keys()) {
      if (!present.has(nodeId)) yield* this.#remove(nodeId);
    }
    for (const node of nodes) yield* this.#put(node);
    this.#initial = false;
  }

  *apply({ changed, removed }: NodeListDelta): Generator<NodeChange> {
    for (const nodeId of removed) yield* this.#remove(nodeId);
    for (const node of changed) yield* this.#put(node);
  }

  *#put(node: NodeEntry): Generator<NodeChange> {
    const previous = this.#known.get(node.nodeId);
    if (previous === undefined && this.#known.size >= this.#maxNodes) {
      throw clientErrors.create('WATCH_TOO_LARGE', `the network has more than ${this.#maxNodes} members`);
    }
    this.#known.set(node.nodeId, node);
    if (previous === undefined) yield { kind: 'joined', node, initial: this.#initial };
    else if (!sameEntry(previous.message, node.message)) yield { kind: 'changed', node, previous };
  }

  *#remove(nodeId: number): Generator<NodeChange> {
    const node = this.#known.get(nodeId);
    if (node === undefined) return;
    this.#known.delete(nodeId);
    yield { kind: 'left', node };
  }
}

/** Whether two JSON objects are equal, volatile members of the outermost aside. */
function sameEntry(a: Readonly<Record<string, unknown>>, b: Readonly<Record<string, unknown>>): boolean {
  for (const name of Object.keys(a)) {
    if (!VOLATILE.has(name) && !sameValue(a[name], b[name])) return false;
  }
  return Object.keys(b).every((name) => VOLATILE.has(name) || Object.hasOwn(a, name));
}

function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && sameValue(memberOf(a, name), memberOf(b, name)))
  );
}

function memberOf(object: object, name: string): unknown {
  return (object as Readonly<Record<string, unknown>>)[name];
}
