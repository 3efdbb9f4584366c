import { decodeEnvelope, FrameReader } from '@muster/coordination';
import type { Fleet } from '../fleet.ts';
import type { SimObject } from '../images.ts';
import { digestsOf, MIB, type Play, scenario } from './setup.ts';

/** One large layer, so that there is a middle of its pull. */
const LARGE: readonly number[] = [1, 4, 128].map((mib) => mib * MIB);
/** The threshold of a large layer, and 5 s. */
const MAX_ADDED_MS = 35_000;
const LOOK_MS = 5;

/** Resolves with the host that pulls it, once this share of it has come from the origin. */
async function pullerAt(fleet: Fleet, { digest, body }: SimObject, share: number): Promise<string> {
  const { origin, ledger } = fleet.world;
  await fleet.sim.runUntil(() => origin.count(digest).bytes >= share * body.length, {
    withinMs: 600_000,
    everyMs: LOOK_MS,
  });
  const puller = ledger.pullers.get(digest)?.at(-1);
  if (puller === undefined) throw new Error('nobody pulls the layer');
  return puller;
}

function lastOf(layers: readonly SimObject[]): SimObject {
  const layer = layers.at(-1);
  if (layer === undefined) throw new RangeError('the image has no layers');
  return layer;
}

/** Longest time of the layer on the others. */
function slowest({ fleet }: Play, layer: SimObject, without: string): number {
  const times = fleet.world.ledger.wishes.flatMap(({ host, digest, outcome }) =>
    digest === layer.digest && host !== without && outcome?.kind === 'got' ? [outcome.ms] : [],
  );
  return Math.max(0, ...times);
}

/** How long the largest layer of such an image takes when nothing happens. */
async function undisturbedMs(play: Play): Promise<number> {
  const image = play.image('app/before', LARGE);
  play.pullEverywhere(image);
  await play.served();
  await play.fleet.sim.runFor(30_000);
  return slowest(play, lastOf(image.layers), '');
}

/** S6: the puller dies. */
export const S6 = scenario({
  id: 'S6',
  title: 'the puller of the largest layer is killed at 30 % of it, and comes back after 10 s',
  agents: [100, 24],
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    const usual = await undisturbedMs(play);
    const wanted = image('app/large', LARGE);
    const layer = lastOf(wanted.layers);
    pullEverywhere(wanted);
    const puller = await pullerAt(fleet, layer, 0.3);
    fleet.kill(puller);
    fleet.later(10_000, () => void fleet.restart(puller));
    await served();
    report.figure('time of the layer that this adds', slowest(play, layer, puller) - usual, 'ms', {
      atMost: MAX_ADDED_MS,
    });
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 2 } } };
  },
});

/** S7: the puller does nothing any more, and its connections stay open. */
export const S7 = scenario({
  id: 'S7',
  title: 'the puller of the largest layer is frozen at 30 % of it, and goes on three minutes later',
  agents: [100, 24],
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    const usual = await undisturbedMs(play);
    const wanted = image('app/large', LARGE);
    const layer = lastOf(wanted.layers);
    pullEverywhere(wanted);
    const puller = await pullerAt(fleet, layer, 0.3);
    const frozen = fleet.agent(puller);
    fleet.sim.trace.note(fleet.sim.now, puller, 'frozen');
    frozen?.process.pause();
    fleet.later(180_000, () => frozen?.process.resume());
    await served();
    report.figure('time of the layer that this adds', slowest(play, layer, puller) - usual, 'ms', {
      atMost: MAX_ADDED_MS,
    });
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 2 } } };
  },
});

/** S8: the request has arrived, and nobody knows. */
export const S8 = scenario({
  id: 'S8',
  title: 'answers to please_pull get lost, all of them',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    for (const agent of fleet.agents) agent.peers.losesAnswer = isPullAnswer;
    const wanted = image('app/one');
    pullEverywhere(wanted, 500);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
  },
});

function isPullAnswer(data: Uint8Array): boolean {
  const payload = new FrameReader().push(data);
  return payload !== undefined && decodeEnvelope(payload).type === 'please_pull_response';
}
