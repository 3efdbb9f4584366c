/** S1 to S5, S21 and S23: what the fleet saves when nothing fails. */

import { type ImageFacts, FLEET, type ImagePlan, scaled, sharing, SMALL } from '../lab/images.ts';
import type { Laboratory } from './laboratory.ts';
import { count, type Findings, type Scenario, type Sizes } from './scenario.ts';

/** Of the origin in all: so slow that it is what a large fleet waits for, as origins are. */
export const ORIGIN_BYTES_PER_SECOND = 20_000_000;

/** The image of most scenarios. */
export function imagePlan({ isQuick }: Sizes): ImagePlan {
  return isQuick ? scaled(SMALL, 0.25) : FLEET;
}

export async function addImage(lab: Laboratory): Promise<ImageFacts> {
  return await lab.origin.addImage(imagePlan(lab.sizes));
}

const PERFECT = { copies: { atMost: 1.005 }, surplus_gets: { atMost: 0 }, heads: { atMost: 0 } };
const NO_FAILURE = { failed: { atMost: 0 }, wrong: { atMost: 0 } };

const baseline: Scenario = {
  id: 'S1',
  title: 'every runtime directly at the origin',
  expects: NO_FAILURE,
  run: async (lab) => {
    const image = await addImage(lab);
    await lab.origin.configure({ bytesPerSecond: ORIGIN_BYTES_PER_SECOND });
    return (await lab.direct(image, lab.sizes.agents)).findings();
  },
};

const cold: Scenario = {
  id: 'S2',
  title: 'cold, strict, all at once',
  expects: Object.fromEntries(
    [5, 20, 50, 100].flatMap((agents) => [
      ...Object.entries({ ...PERFECT, ...NO_FAILURE }).map(([name, bound]) => [`n${agents}.${name}`, bound]),
      ...(agents < 20 ? [] : [[`n${agents}.p95_ratio`, { atMost: 0.6 }]]),
    ]),
  ),
  run: async (lab) => {
    const image = await addImage(lab);
    await lab.origin.configure({ bytesPerSecond: ORIGIN_BYTES_PER_SECOND });
    let findings: Findings = {};
    for (const agents of lab.sizes.series) {
      const direct = await lab.direct(image, agents);
      const fleet = await lab.fleet(agents);
      const report = await lab.pull(image, fleet.runtimes());
      await fleet[Symbol.asyncDispose]();
      const ratio = report.ms(0.95) / direct.ms(0.95);
      const note = `directly: ${(direct.ms(0.95) / 1_000).toFixed(2)} s`;
      findings = {
        ...findings,
        ...report.findings(`n${agents}.`),
        [`n${agents}.p95_ratio`]: count(ratio, note, 'times'),
      };
    }
    return findings;
  },
};

const warm: Scenario = {
  id: 'S3',
  title: 'warm: runtimes empty, agents keep their stores',
  expects: { requests: { atMost: 0 }, failed: { atMost: 0 } },
  run: async (lab) => {
    const image = await addImage(lab);
    const fleet = await lab.fleet(lab.sizes.agents);
    await lab.pull(image, fleet.runtimes());
    const report = await lab.pull(image, fleet.runtimes());
    return {
      ...report.findings(),
      requests: count(report.origin.requests, report.summary, 'requests'),
    };
  },
};

const halfWarm: Scenario = {
  id: 'S4',
  title: 'half of the agents lost their stores',
  expects: { origin_bytes: { atMost: 0 }, failed_attempts: { atMost: 0 }, failed: { atMost: 0 } },
  run: async (lab) => {
    const image = await addImage(lab);
    const fleet = await lab.fleet(lab.sizes.agents);
    await lab.pull(image, fleet.runtimes());
    const half = fleet.agents.filter(({ index }) => index % 2 === 0);
    await Promise.all(half.map((agent) => agent.stop()));
    await fleet.emptyStores(half);
    await Promise.all(half.map((agent) => agent.start()));
    await fleet.untilReady(120_000);
    const report = await lab.pull(image, fleet.runtimes(half));
    return {
      ...report.findings(),
      origin_bytes: count(report.origin.bytes, report.summary, 'bytes'),
      failed_attempts: count(report.failures.length, [...new Set(report.failures)].join(', '), 'attempts'),
    };
  },
};

const secondImage: Scenario = {
  id: 'S5',
  title: 'a second image that shares layers',
  expects: { shared_gets: { atMost: 0 }, surplus_new_gets: { atMost: 0 }, failed: { atMost: 0 } },
  run: async (lab) => {
    const plan = imagePlan(lab.sizes);
    const first = await lab.origin.addImage(plan);
    const second = await lab.origin.addImage(sharing(plan));
    const fleet = await lab.fleet(lab.sizes.agents);
    await lab.pull(first, fleet.runtimes());
    const report = await lab.pull(second, fleet.runtimes());
    const known = new Set<string>(first.digests);
    const shared = second.digests.filter((digest) => known.has(digest));
    const sharedGets = shared.reduce((sum, digest) => sum + report.getsOf(digest), 0);
    const fresh = second.digests.length - shared.length;
    return {
      ...report.findings(),
      shared_gets: count(sharedGets, `${shared.length} objects are shared`, 'GETs'),
      surplus_new_gets: count(report.gets - sharedGets - fresh, `${fresh} objects are new`, 'GETs'),
    };
  },
};

const headOnly: Scenario = {
  id: 'S21',
  title: 'every runtime asks for the head of the manifest only',
  expects: { heads: { atMost: 0 }, gets: { atMost: 1 }, failed: { atMost: 0 } },
  run: async (lab) => {
    const image = await addImage(lab);
    // Their prefetch would pull the rest of the image, which is not what is counted here.
    const fleet = await lab.fleet(lab.sizes.agents);
    const report = await lab.pull(image, fleet.runtimes(), { headOnly: true });
    return {
      heads: count(report.heads, report.summary, 'HEADs'),
      gets: count(report.getsOf(image.root), 'of the manifest', 'GETs'),
      failed: count(report.failed, report.failures.join(', '), 'runtimes'),
    };
  },
};

const single: Scenario = {
  id: 'S23',
  title: 'a single agent',
  expects: { ...PERFECT, ...NO_FAILURE },
  run: async (lab) => {
    const image = await addImage(lab);
    const fleet = await lab.fleet(1);
    return (await lab.pull(image, fleet.runtimes())).findings();
  },
};

export const COLD_AND_WARM: readonly Scenario[] = [
  baseline,
  cold,
  warm,
  halfWarm,
  secondImage,
  headOnly,
  single,
];
