import type { DiscoverySettings, PeerId } from '@muster/discovery';
import type { SimNetworkOptions } from '../../network/index.ts';
import { SafetyChecker, type SafetyOptions } from '../checkers/safety.ts';
import { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
/** The heartbeat period. */
export const TICK = 20_000;

export interface StageOptions {
  readonly seed: number;
  readonly indexers: number;
  readonly nodes: number;
  readonly network?: SimNetworkOptions;
  readonly settings?: Partial<DiscoverySettings>;
  readonly indexerSettings?: (index: number) => Partial<DiscoverySettings>;
  /** The first so many indexers are the seeds of all nodes; without, each node has two random ones. */
  readonly seedIndexers?: number;
  /** Seeds of each node where they are random. @default 2 */
  readonly seedsPerNode?: number;
  readonly safety?: SafetyOptions;
  /** @default 2000 */
  readonly startWithinMs?: number;
}

/** A fleet with safety checkers, all of its members about to start. */
export function stage(options: StageOptions): Fleet {
  const fleet = new Fleet({
    seed: options.seed,
    ...(options.network !== undefined && { network: options.network }),
    ...(options.settings !== undefined && { settings: options.settings }),
  });
  SafetyChecker.watch(fleet, options.safety);
  fleet.addIndexers({
    count: options.indexers,
    ...(options.indexerSettings !== undefined && { settings: options.indexerSettings }),
  });
  const { seedIndexers } = options;
  fleet.addNodes({
    count: options.nodes,
    ...(options.seedsPerNode !== undefined && { seedsPerNode: options.seedsPerNode }),
    ...(seedIndexers !== undefined && { seeds: () => fleet.indexers().slice(0, seedIndexers) }),
  });
  fleet.startAll({ withinMs: options.startWithinMs ?? 2_000 });
  return fleet;
}

/** Runs until every running honest node has this many healthy indexers. Resolves with the milliseconds, if ever. */
export async function untilHealthy(
  fleet: Fleet,
  atLeast: number,
  withinMs = 5 * MINUTE,
): Promise<number | undefined> {
  return fleet.sim.runUntil(
    () => {
      const nodes = fleet.honestNodes();
      return nodes.every((node) => node.isRunning && node.daemon.pool.healthyCount >= atLeast);
    },
    { withinMs, everyMs: 500 },
  );
}

export function isHealthyIn(node: Member, indexer: Member): boolean {
  return node.daemon.pool.entry(indexer.peer)?.isHealthy === true;
}

export function hasInPool(node: Member, indexer: Member): boolean {
  return node.daemon.pool.has(indexer.peer);
}

/** The member at this index; scenarios know how many they have. */
export function at(members: readonly Member[], index: number): Member {
  const member = members[index];
  if (member === undefined) throw new RangeError(`no member ${index}`);
  return member;
}

/** Notes when something first happens, by member. */
export function firstTimes(
  fleet: Fleet,
  matches: (member: Member, event: Parameters<Parameters<Fleet['onEvent']>[0]>[1]) => boolean,
): Map<Member, number> {
  const times = new Map<Member, number>();
  fleet.onEvent((member, event) => {
    if (!times.has(member) && matches(member, event)) times.set(member, fleet.sim.now);
  });
  return times;
}

/** When each node last lost each indexer, and why. */
export function evictions(fleet: Fleet): {
  readonly all: {
    readonly member: Member;
    readonly peer: PeerId;
    readonly reason: string;
    readonly at: number;
  }[];
} {
  const all: { member: Member; peer: PeerId; reason: string; at: number }[] = [];
  fleet.onEvent((member, event) => {
    if (event.topic !== 'pool.evicted') return;
    all.push({ member, peer: event.payload.peer, reason: event.payload.reason, at: fleet.sim.now });
  });
  return { all };
}

/** Milliseconds as seconds, for figures. */
export function seconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1_000;
}
