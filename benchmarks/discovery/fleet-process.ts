/** A process of a fleet under test: one host, or many. Modules are loaded before a start is asked for. */

import diagnostics from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { createLogger, loadConfig, systemClock, systemRandom, systemTimers } from '@muster/core';
import { discoveryConfigOf, discoverySettings } from '@muster/discovery/config';
import { DiscoveryHost } from '@muster/discovery/host';
import { serveTasks } from '../harness/child.ts';
import { now } from './now.ts';
import type { PoolState } from './timeline.ts';

/** A host before it runs; the flags are those of `muster node run`. */
export interface HostPlan {
  readonly name: string;
  readonly flags: Readonly<Record<string, string>>;
}

export interface HostReady {
  readonly name: string;
  readonly peer: string;
  readonly did: string;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** How a search went, in milliseconds from its beginning. */
export interface SearchRun {
  /** Undefined when the wanted name did not come. */
  readonly firstHitMs: number | undefined;
}

interface Running {
  readonly host: DiscoveryHost;
  readonly timeline: PoolState[];
}

/** A search that has not found its peer by then has not found it. */
const SEARCH_LIMIT_MS = 15_000;

const running = new Map<string, Running>();
const handlingMs: number[] = [];
const refused: Record<string, number> = {};
const sockets = new Set<Socket>();
let closedBytes = 0;
let recordPuts = 0;

/** Every TCP connection of the process, from either side, also those of the status endpoint: it is off here. */
function watchSockets(): void {
  const add = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      closedBytes += socket.bytesRead + socket.bytesWritten;
    });
  };
  diagnostics.subscribe('net.client.socket', add);
  diagnostics.subscribe('net.server.socket', add);
}

async function start(plans: readonly HostPlan[]): Promise<readonly HostReady[]> {
  return await Promise.all(plans.map(startOne));
}

async function startOne({ name, flags }: HostPlan): Promise<HostReady> {
  const config = discoveryConfigOf(loadConfig(discoverySettings, { flags }), { OC_TEST: '1' });
  const host = await DiscoveryHost.start({
    config,
    version: 'benchmark',
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger: createLogger({ level: 'error', format: 'text', clock: systemClock, destination: process.stderr }),
    showsProcess: false,
  });
  const timeline: PoolState[] = [];
  running.set(name, { host, timeline });
  const { events } = host.daemon;
  const note = (): void => void setImmediate(() => timeline.push(stateOf(host)));
  for (const topic of ['pool.added', 'pool.evicted', 'pool.healthy'] as const) events.on(topic, note);
  events.on('heartbeat.served', ({ payload }) => handlingMs.push(payload.handlingMs));
  events.on('heartbeat.refused', ({ payload }) => {
    refused[payload.code] = (refused[payload.code] ?? 0) + 1;
  });
  events.on('dht.put', ({ payload }) => {
    if (!payload.key.startsWith('/indexer/')) recordPuts += 1;
  });
  note();
  return { name, peer: host.identity.peerId, did: host.daemon.did, startedAt: now() };
}

function stateOf(host: DiscoveryHost): PoolState {
  const view = host.daemon.pool.view();
  return {
    at: now(),
    peers: view.map(({ peer }) => peer),
    healthy: view.filter(({ isHealthy }) => isHealthy).map(({ peer }) => peer),
  };
}

function hostOf(name: string): DiscoveryHost {
  const host = running.get(name)?.host;
  if (host === undefined) throw new Error(`no host ${name}`);
  return host;
}

/** Searches by name, and stops when the wanted one has come. */
async function search(input: { readonly from: string; readonly name: string }): Promise<SearchRun> {
  const { daemon } = hostOf(input.from);
  const startedAt = performance.now();
  const found = daemon.search.search('benchmark', input.name, {
    signal: AbortSignal.timeout(SEARCH_LIMIT_MS),
  });
  for await (const hit of found) {
    if (hit.name !== input.name) continue;
    found.cancel();
    return { firstHitMs: performance.now() - startedAt };
  }
  return { firstHitMs: undefined };
}

/** Looks a peer up by its DID. Returns the milliseconds, or undefined when it was not found. */
async function get(input: { readonly from: string; readonly did: string }): Promise<number | undefined> {
  const { daemon } = hostOf(input.from);
  const startedAt = performance.now();
  try {
    await daemon.lookup.getPeerRecord(input.did);
    return performance.now() - startedAt;
  } catch {
    return undefined;
  }
}

/** Which of the DIDs have a record in the hash table that has not expired, asked from one host. */
async function freshRecords(input: {
  readonly from: string;
  readonly dids: readonly string[];
}): Promise<number> {
  const { context, directory } = hostOf(input.from).daemon;
  const found = await Promise.all(
    input.dids.map(async (did) => {
      const record = await directory.byDid(did, context.constants.dhtGetByDidMs);
      return record !== undefined && record.expiresAt > context.clock.now();
    }),
  );
  return found.filter(Boolean).length;
}

/** What was sent and received so far by all hosts of the process. */
export interface Traffic {
  /** Both ways, on TCP: with encryption, framing, gossip and hash table. */
  readonly socketBytes: number;
  /** The metrics of each host, as Prometheus text, by its name. */
  readonly metrics: Readonly<Record<string, string>>;
  /** Puts of nodes' records into the hash table; indexers make them for the nodes. */
  readonly recordPuts: number;
  readonly cpuSeconds: number;
}

async function traffic(): Promise<Traffic> {
  let socketBytes = closedBytes;
  for (const { bytesRead, bytesWritten } of sockets) socketBytes += bytesRead + bytesWritten;
  const metrics: Record<string, string> = {};
  for (const [name, { host }] of running) metrics[name] = await host.metrics.render();
  const { user, system } = process.cpuUsage();
  return { socketBytes, metrics, recordPuts, cpuSeconds: (user + system) / 1e6 };
}

/** Handling times of the heartbeats since it was last asked, and refusals by code. */
export interface Handled {
  readonly handlingMs: readonly number[];
  readonly refused: Readonly<Record<string, number>>;
}

function takeHandled(): Handled {
  const taken = { handlingMs: handlingMs.splice(0), refused: { ...refused } };
  for (const code of Object.keys(refused)) delete refused[code];
  return taken;
}

watchSockets();
serveTasks(
  {
    load: () => undefined,
    start,
    timelines: () => Object.fromEntries([...running].map(([name, { timeline }]) => [name, timeline])),
    search,
    get,
    freshRecords,
    traffic,
    takeHandled,
  },
  () => Promise.all([...running.values()].map(({ host }) => host.stop())),
);
