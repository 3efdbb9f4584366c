/** S6, S7, S9 to S13 and S18: what a fleet makes of origins, pullers, disks and peers that fail. */

import { readdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { order } from '@muster/coordination';
import type { MirrorAgent, MirrorFleet } from '../lab/fleet.ts';
import { until } from '../lab/fleet.ts';
import { FLEET, type ImagePlan, MIB, scaled, SMALL } from '../lab/images.ts';
import type { FaultScript } from '../lab/origin-simulator.ts';
import { addImage, imagePlan, ORIGIN_BYTES_PER_SECOND } from './cold-and-warm.ts';
import type { Laboratory } from './laboratory.ts';
import { tally } from './pull-report.ts';
import { count, type Findings, type Scenario, seconds } from './scenario.ts';

const NO_FAILURE = { failed: { atMost: 0 }, wrong: { atMost: 0 } };
/** Longer than every threshold of these images (8.2). */
const STALL_THRESHOLD_S = 30;
const PATIENCE_MS = 120_000;
/** As many faults as there can be requests in a run. */
const ALWAYS = 1_000;

/** The agent that all agree should pull the digest. */
export function firstChoice(fleet: MirrorFleet, digest: string): MirrorAgent {
  const nodes = fleet.agents.map((agent) => ({ id: agent.nodeId, agent }));
  const [best] = order(nodes, digest as `sha256:${string}`);
  if (best === undefined) throw new Error('a fleet without agents');
  return best.agent;
}

/** A pull during which something happens to the puller of the largest layer, at 30 % of it. */
async function withPullerLost(
  lab: Laboratory,
  happens: (puller: MirrorAgent) => Promise<void> | void,
): Promise<Findings> {
  const image = await addImage(lab);
  // So slow that it can be caught in the middle.
  await lab.origin.configure({ bytesPerSecond: image.largest.size / (lab.sizes.isQuick ? 2 : 4) });
  const undisturbed = await lab.fleet(lab.sizes.agents);
  const reference = await lab.pull(image, undisturbed.runtimes());
  await undisturbed[Symbol.asyncDispose]();
  const fleet = await lab.fleet(lab.sizes.agents);
  const puller = firstChoice(fleet, image.largest.digest);
  const others = fleet.agents.filter((agent) => agent !== puller);
  const report = await lab.pull(image, fleet.runtimes(others), {
    meanwhile: async () => {
      const enough = image.largest.size * 0.3;
      const isThere = async () => (await lab.originBytesOf(image.largest.digest)) >= enough;
      await until(isThere, PATIENCE_MS, 'the largest layer is not being pulled');
      await happens(puller);
    },
  });
  puller.signal('SIGCONT');
  const reads = report.getsOf(image.largest.digest);
  const addedMs = Math.max(0, report.lastMs - reference.lastMs);
  return {
    ...report.findings(),
    reads: count(reads, 'GETs of the largest layer', 'GETs'),
    added: seconds(addedMs, `to the last, over ${(reference.lastMs / 1_000).toFixed(1)} s undisturbed`),
  };
}

const LOST = { ...NO_FAILURE, reads: { atMost: 2 }, added: { atMost: STALL_THRESHOLD_S + 5 } };

const killed: Scenario = {
  id: 'S6',
  title: 'first choice of the largest layer killed at 30 %',
  expects: LOST,
  run: (lab) => withPullerLost(lab, (puller) => puller.kill()),
};

const frozen: Scenario = {
  id: 'S7',
  title: 'first choice of the largest layer frozen at 30 %',
  expects: LOST,
  run: (lab) => withPullerLost(lab, (puller) => puller.signal('SIGSTOP')),
};

const slowOrigin: Scenario = {
  id: 'S9',
  title: 'the origin sends 2 MiB a second',
  expects: { ...NO_FAILURE, copies: { atMost: 1.05 } },
  run: async (lab) => {
    const image = await lab.origin.addImage(lab.sizes.isQuick ? scaled(SMALL, 0.5) : FLEET);
    await lab.origin.configure({ bytesPerSecond: 2 * MIB });
    const fleet = await lab.fleet(lab.sizes.agents);
    return (await lab.pull(image, fleet.runtimes())).findings();
  },
};

const cutBodies: Scenario = {
  id: 'S10',
  title: 'the origin cuts every body after 64 MiB (1 MiB when quick)',
  expects: { ...NO_FAILURE, copies: { atMost: 1.05 } },
  run: async (lab) => {
    const cutAfter = lab.sizes.isQuick ? MIB : 64 * MIB;
    const image = await lab.origin.addImage(layersOf('cut', [2.5 * cutAfter, cutAfter, 1.5 * cutAfter]));
    await lab.origin.configure({ cutBodiesAfter: cutAfter });
    const fleet = await lab.fleet(lab.sizes.isQuick ? 3 : 10);
    return (await lab.pull(image, fleet.runtimes())).findings();
  },
};

const REFUSALS = [401, 404, 429, 503] as const;

const refused: Scenario = {
  id: 'S11',
  title: 'the origin answers 401, 404, 429 or 503 for one layer',
  expects: Object.fromEntries(
    REFUSALS.flatMap((status) => [
      [`status${status}.pulls`, { atMost: 3 }],
      [`status${status}.denied`, { atLeast: 1 }],
    ]),
  ),
  run: async (lab) => {
    const fleet = await lab.fleet(lab.sizes.agents);
    let findings: Findings = {};
    for (const status of REFUSALS) {
      const image = await lab.origin.addImage(layersOf(`refused-${status}`, [20_000, 30_000]));
      const faults: FaultScript = Array.from({ length: ALWAYS }, () => ({ kind: 'status', status }));
      await lab.origin.script(image.largest.digest, ...faults);
      const report = await lab.pull(image, fleet.runtimes());
      // A blob that is not there is asked for as a manifest, too (15.4).
      const requests = report.getsOf(image.largest.digest) / (status === 404 ? 2 : 1);
      const tried = `${report.rows.length} runtimes asked up to 6 times over ${(report.lastMs / 1_000).toFixed(0)} s`;
      findings = {
        ...findings,
        [`status${status}.pulls`]: count(requests, `pulls of that layer begun; ${tried}`, 'pulls'),
        [`status${status}.denied`]: count(report.failed, tally(report.failures), 'runtimes'),
      };
    }
    return findings;
  },
};

const corruptPeer: Scenario = {
  id: 'S12',
  title: 'whoever has the largest layer has it corrupted on its disk',
  expects: { ...NO_FAILURE, copies: { atMost: 1.05 }, reads: { atMost: 1 } },
  run: async (lab) => {
    const image = await addImage(lab);
    const fleet = await lab.fleet(lab.sizes.agents);
    await lab.pull(image, fleet.runtimes([fleet.at(0)]));
    // The agent that was asked to pull it has it, too.
    const others: MirrorAgent[] = [];
    for (const agent of fleet.agents) {
      const hasIt = await corrupt(agent, image.largest.digest).then(
        () => true,
        () => false,
      );
      if (!hasIt) others.push(agent);
    }
    const report = await lab.pull(image, fleet.runtimes(others));
    const mismatches = (await fleet.metrics()).sum('p2p_peer_fetch_total', { outcome: 'digest_mismatch' });
    const liars = fleet.agents.length - others.length;
    return {
      ...report.findings(),
      reads: count(report.getsOf(image.largest.digest), 'GETs of that layer', 'GETs'),
      mismatches: count(mismatches, `copies that did not match; ${liars} agents had it corrupted`, 'copies'),
    };
  },
};

const restarts: Scenario = {
  id: 'S13',
  title: 'a fifth of the agents restart during a cold pull',
  expects: { ...NO_FAILURE, most_gets: { atMost: 4 } },
  run: async (lab) => {
    const image = await addImage(lab);
    await lab.origin.configure({ bytesPerSecond: lab.sizes.isQuick ? MIB : ORIGIN_BYTES_PER_SECOND / 2 });
    const fleet = await lab.fleet(lab.sizes.agents);
    const restarted = fleet.agents.filter(({ index }) => index % 5 === 2);
    const others = fleet.agents.filter((agent) => !restarted.includes(agent));
    const report = await lab.pull(image, fleet.runtimes(others), {
      meanwhile: async () => {
        const isRunning = async () => (await lab.origin.summary()).bytes >= image.bytes * 0.2;
        await until(isRunning, PATIENCE_MS, 'nothing is being pulled');
        for (const agent of restarted) {
          await agent.stop();
          await agent.start();
        }
      },
    });
    const note = `${restarted.length} restarts; GETs of a digest: ${report.distribution}`;
    return { ...report.findings(), most_gets: count(report.mostGets, note, 'GETs') };
  },
};

const smallStores: Scenario = {
  id: 'S18',
  title: 'stores are smaller than the image',
  expects: NO_FAILURE,
  run: async (lab) => {
    const plan = imagePlan(lab.sizes);
    const image = await lab.origin.addImage(plan);
    // Room for the largest layer and little else.
    const budget = Math.ceil(image.largest.size * 1.2);
    const fleet = await lab.fleet(lab.sizes.agents, { settings: { cache_budget_bytes: budget } });
    const report = await lab.pull(image, fleet.runtimes());
    const evicted = (await fleet.metrics()).sum('gantry_store_evicted_bytes_total');
    return {
      ...report.findings(),
      evicted: count(
        evicted / image.bytes / fleet.agents.length,
        `images' worth an agent; ${evicted} bytes`,
        '',
      ),
    };
  },
};

/** An image of layers of these sizes. */
function layersOf(name: string, sizes: readonly number[]): ImagePlan {
  return { name, layers: sizes.map((size, index) => ({ name: `lab-${name}-${index}`, size })) };
}

/** Flips a byte in the middle of the object on the disk of an agent. */
export async function corrupt(agent: MirrorAgent, digest: string): Promise<void> {
  const hex = digest.slice('sha256:'.length);
  const paths = await readdir(agent.cacheFolder, { recursive: true });
  const path = paths.find((name) => name.endsWith(hex));
  if (path === undefined) throw new Error(`${agent.name} does not have ${digest}`);
  const file = await open(join(agent.cacheFolder, path), 'r+');
  try {
    const { size } = await file.stat();
    const at = Math.floor(size / 2);
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] as number) ^ 0xff;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}

export const FAILURES: readonly Scenario[] = [
  killed,
  frozen,
  slowOrigin,
  cutBodies,
  refused,
  corruptPeer,
  restarts,
  smallStores,
];
