/** M-08 and the curve: what a node costs, and whether that grows with the fleet. */

import { DHT_PROTOCOL, PROTOCOLS } from '@muster/discovery';
import { systemClock } from '@muster/core';
import type { ProtocolCount } from '../../network/index.ts';
import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import { Report, type Scenario } from './result.ts';
import { MINUTE, stage, untilHealthy } from './setup.ts';

/** Costs of one node and minute. */
interface Cost {
  readonly heartbeatFrames: number;
  readonly auxiliaryStreams: number;
  readonly dhtPuts: number;
  readonly kib: number;
  readonly kibWithProbes: number;
  readonly dhtRequests: number;
  /** Messages of all kinds, in and out, without bandwidth probes. */
  readonly frames: number;
  /** Of the traffic, that with the table. */
  readonly dhtKib: number;
  /** Of the traffic, identify: what new connections cost. */
  readonly identifyKib: number;
}

const NOT_AUXILIARY = new Set<string>([PROTOCOLS.heartbeat, DHT_PROTOCOL]);

/** Costs of one indexer and minute, in and out, without bandwidth probes. */
interface IndexerCost {
  readonly kib: number;
  /** Of it, that with the table. */
  readonly dhtKib: number;
  readonly heartbeatKib: number;
  /** Requests of the table that it sent. */
  readonly dhtRequests: number;
  /** Mean over the whole run until now, in which everybody has arrived. */
  readonly kibSinceStart: number;
}

type Counters = ReadonlyMap<string, ProtocolCount>;

const NOTHING: Counters = new Map<string, ProtocolCount>();

function countersOf(members: readonly Member[]): readonly Counters[] {
  return members.map((member) => member.overlay.counters.snapshot());
}

/** Lets time pass and measures what the nodes did; a put for a node's record is counted to the node. */
async function measure(fleet: Fleet, minutes: number): Promise<Cost> {
  const nodes = fleet.nodes();
  const before = countersOf(nodes);
  let puts = 0;
  let isCounting = true;
  fleet.onEvent((_, event) => {
    if (isCounting && event.topic === 'dht.put' && !event.payload.key.startsWith('/indexer/')) puts += 1;
  });
  await fleet.sim.runFor(minutes * MINUTE);
  isCounting = false;
  const total = {
    heartbeatFrames: 0,
    auxiliaryStreams: 0,
    bytes: 0,
    probeBytes: 0,
    dhtRequests: 0,
    frames: 0,
    dhtBytes: 0,
    identifyBytes: 0,
  };
  for (const [index, node] of nodes.entries()) {
    const since = node.overlay.counters.since(before[index] ?? NOTHING);
    for (const [protocol, count] of since) {
      const bytes = count.bytesIn + count.bytesOut;
      if (protocol === PROTOCOLS.probe) total.probeBytes += bytes;
      else total.bytes += bytes;
      if (protocol === PROTOCOLS.heartbeat) total.heartbeatFrames += count.framesIn + count.framesOut;
      if (protocol !== PROTOCOLS.probe) total.frames += count.framesIn + count.framesOut;
      if (protocol === DHT_PROTOCOL) total.dhtRequests += count.streamsOpened;
      if (protocol === DHT_PROTOCOL) total.dhtBytes += bytes;
      if (protocol === 'identify') total.identifyBytes += bytes;
      if (!NOT_AUXILIARY.has(protocol)) total.auxiliaryStreams += count.streamsOpened;
    }
  }
  const per = nodes.length * minutes;
  return {
    heartbeatFrames: total.heartbeatFrames / per,
    auxiliaryStreams: total.auxiliaryStreams / per,
    dhtPuts: puts / per,
    kib: total.bytes / per / 1024,
    kibWithProbes: (total.bytes + total.probeBytes) / per / 1024,
    dhtRequests: total.dhtRequests / per,
    frames: total.frames / per,
    dhtKib: total.dhtBytes / per / 1024,
    identifyKib: total.identifyBytes / per / 1024,
  };
}

export const M08: Scenario = {
  id: 'M-08',
  title: 'cost per node and minute, pool of 5',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 20, network: { coreMs: 5, accessMs: [10, 10] } });
    const report = new Report();
    await untilHealthy(fleet, 5);
    await fleet.sim.runFor(3 * MINUTE);
    const cost = await measure(fleet, isQuick ? 5 : 30);
    report.figure('heartbeat frames', cost.heartbeatFrames, '/min', { atMost: 30.5 });
    report.figure('auxiliary streams', cost.auxiliaryStreams, '/min', { atMost: 16 });
    report.figure('DHT puts', cost.dhtPuts, '/min', { atMost: 3 });
    report.figure('traffic without bandwidth probes', cost.kib, 'KiB/min', { atMost: 60 });
    report.figure('traffic with bandwidth probes', cost.kibWithProbes, 'KiB/min', { atMost: 200 });
    report.note('the source rules cost 30 frames, 15 probes, up to 45 witness streams and 30 DHT puts');
    fleet.dispose();
    return report.of(fleet);
  },
};

/** Fleets start within a minute: the guard against bursts of strangers would only make the run longer. */
const OPEN_DOORS = { maxConnPerWindow: 1_000 } as const;
/** Each indexer of a pool is checked once in this time: a window of another length would count some checks twice. */
const CHECK_MINUTES = 5 / 3;
/** Pools are full by then; each first heartbeat of a node has its record put by that indexer, too. */
const SETTLE_MINUTES = 3;
/** What two figures of the same seed may be apart by chance. */
const NOISE = 1.1;

export const CURVE: Scenario = {
  id: 'curve',
  title: 'cost per node for 100, 1,000 and 10,000 nodes',
  isQuick: false,
  run: async ({ seed, isQuick, nodes, indexers, minutes }) => {
    const sizes = nodes === undefined ? (isQuick ? [50, 200] : [100, 1_000, 10_000]) : [nodes];
    const report = new Report();
    const fleets: Fleet[] = [];
    const costs: { readonly size: number; readonly cost: Cost }[] = [];
    for (const size of sizes) {
      const startedAt = systemClock.monotonic();
      const fleet = stage({
        seed,
        indexers: indexers ?? Math.max(5, Math.round(size / 50)),
        nodes: size,
        startWithinMs: MINUTE,
        settings: OPEN_DOORS,
      });
      fleets.push(fleet);
      await untilHealthy(fleet, 1, 10 * MINUTE);
      await fleet.sim.runFor(SETTLE_MINUTES * MINUTE);
      const before = countersOf(fleet.indexers());
      const measured = minutes ?? CHECK_MINUTES;
      const cost = await measure(fleet, measured);
      const indexer = indexerCost(fleet, before, measured);
      costs.push({ size, cost });
      const took = (systemClock.monotonic() - startedAt) / 1_000;
      report.note(
        `${size} nodes: ${cost.heartbeatFrames.toFixed(1)} heartbeat frames, ${cost.auxiliaryStreams.toFixed(1)} ` +
          `streams, ${cost.dhtPuts.toFixed(2)} puts, ${cost.dhtRequests.toFixed(1)} DHT requests, ` +
          `${cost.kib.toFixed(1)} KiB (${cost.kibWithProbes.toFixed(1)} with probes) per node and minute; ` +
          `indexer ${indexer.kib.toFixed(0)} KiB/min; ${(fleet.sim.now / 1_000 / took).toFixed(1)} times real time`,
      );
      report.note(
        `${size} nodes: ${cost.frames.toFixed(1)} messages; ${cost.dhtKib.toFixed(1)} KiB with the table, ` +
          `${(cost.dhtKib / Math.max(1, cost.dhtRequests)).toFixed(1)} a request; ${cost.identifyKib.toFixed(1)} KiB for new connections`,
      );
      report.note(
        `${size} nodes: an indexer ${indexer.dhtKib.toFixed(0)} KiB/min with the table in ${indexer.dhtRequests.toFixed(0)} requests ` +
          `of its own, ${indexer.heartbeatKib.toFixed(0)} with heartbeats; ${indexer.kibSinceStart.toFixed(0)} a minute since the start`,
      );
      fleet.dispose();
    }
    for (const [index, larger] of costs.entries()) {
      const smaller = costs[index - 1];
      if (smaller !== undefined) compare(report, smaller, larger);
    }
    return report.of(...fleets);
  },
};

/**
 * Requests, streams and what has nothing to do with the table must not grow. An answer of the table names up to twenty
 * servers and carries a list of an indexer's nodes: it grows until there are twenty servers with as many nodes as in
 * the larger fleets, which is so from 1,000 nodes on.
 */
function compare(
  report: Report,
  smaller: { readonly size: number; readonly cost: Cost },
  larger: { readonly size: number; readonly cost: Cost },
): void {
  const ratio = (name: string, of: (cost: Cost) => number, isBound = true): void =>
    report.figure(
      `${name}, ${larger.size} over ${smaller.size} nodes`,
      of(larger.cost) / Math.max(1, of(smaller.cost)),
      '',
      isBound ? { atMost: NOISE } : {},
    );
  ratio('streams', ({ auxiliaryStreams }) => auxiliaryStreams);
  ratio('requests of the table', ({ dhtRequests }) => dhtRequests);
  ratio('traffic without the table', ({ kib, dhtKib, identifyKib }) => kib - dhtKib - identifyKib);
  const isReplicated = smaller.size >= 1_000;
  ratio('messages', ({ frames }) => frames, isReplicated);
  ratio('traffic', ({ kib }) => kib, isReplicated);
}

/** What the indexers did since `before`, so many minutes ago. */
function indexerCost(fleet: Fleet, before: readonly Counters[], minutes: number): IndexerCost {
  const indexers = fleet.indexers();
  const total = { bytes: 0, dhtBytes: 0, heartbeatBytes: 0, dhtRequests: 0, bytesSinceStart: 0 };
  for (const [index, { overlay }] of indexers.entries()) {
    for (const [protocol, count] of overlay.counters.snapshot())
      if (protocol !== PROTOCOLS.probe) total.bytesSinceStart += count.bytesIn + count.bytesOut;
    for (const [protocol, count] of overlay.counters.since(before[index] ?? NOTHING)) {
      const bytes = count.bytesIn + count.bytesOut;
      if (protocol !== PROTOCOLS.probe) total.bytes += bytes;
      if (protocol === PROTOCOLS.heartbeat) total.heartbeatBytes += bytes;
      if (protocol !== DHT_PROTOCOL) continue;
      total.dhtBytes += bytes;
      total.dhtRequests += count.streamsOpened;
    }
  }
  const per = indexers.length * minutes;
  return {
    kib: total.bytes / per / 1024,
    dhtKib: total.dhtBytes / per / 1024,
    heartbeatKib: total.heartbeatBytes / per / 1024,
    dhtRequests: total.dhtRequests / per,
    kibSinceStart: total.bytesSinceStart / indexers.length / 1024 / (fleet.sim.now / MINUTE),
  };
}
