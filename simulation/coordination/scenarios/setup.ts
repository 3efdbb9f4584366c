import type { Digest } from '@muster/coordination';
import { checkInvariants } from '../checkers/invariants.ts';
import { checkOrigin, type OriginTargets } from '../checkers/origin.ts';
import { checkWishes } from '../checkers/wishes.ts';
import { Fleet, type FleetOptions } from '../fleet.ts';
import { makeImage, objectsOf, type SimImage, type SimObject } from '../images.ts';
import { SCALE } from '../scale.ts';
import { Report, type Scenario, type ScenarioOptions, type ScenarioResult } from './result.ts';

/** A mebibyte, in simulated bytes. */
export const MIB = 1_048_576 / SCALE;

/** Layers of a small image, in simulated bytes: 1 to 32 MiB. */
export const LAYERS: readonly number[] = [1, 2, 4, 8, 16, 32].map((mib) => mib * MIB);

/** For what goes on behind the clients: copies of children, tails, announcements. */
const REST_MS = 180_000;

/** What a scenario does, between the start of the fleet and the checks. */
export interface Play {
  readonly fleet: Fleet;
  readonly report: Report;
  readonly options: ScenarioOptions;
  /** An image at the origin. */
  image(repository: string, layerBytes?: readonly number[], shared?: readonly SimObject[]): SimImage;
  /** All agents want it: at once, or spread over some milliseconds. */
  pullEverywhere(image: SimImage, spreadMs?: number, hosts?: readonly string[]): void;
  /** Runs until all that is wanted has come, or until the time is over. */
  served(withinMs?: number): Promise<void>;
}

export interface Script {
  readonly id: string;
  readonly title: string;
  readonly isQuick?: boolean;
  /** Agents in a full run, and in a quick one. @default 200 and 24 */
  readonly agents?: readonly [number, number];
  readonly fleet?: (options: ScenarioOptions) => Partial<FleetOptions>;
  /** Plays, and says what the origin may have been asked for. */
  readonly play: (play: Play) => Promise<{
    readonly digests: readonly Digest[];
    readonly origin?: OriginTargets;
    /** Digests of which nothing is asked but a reason. */
    readonly mayFail?: ReadonlySet<Digest>;
  }>;
}

/** Makes a scenario of a script: start, play, rest, checks. */
export function scenario(script: Script): Scenario {
  const { id, title, isQuick = true, agents: [many, few] = [200, 24] } = script;
  return {
    id,
    title,
    isQuick,
    run: async (options) => {
      const agents = options.agents ?? (options.isQuick ? few : many);
      return playOut(script, options, { seed: options.seed, agents, ...script.fleet?.(options) });
    },
  };
}

/** Runs a script on a fleet of these options. */
export async function playOut(
  script: Pick<Script, 'play'>,
  options: ScenarioOptions,
  fleetOptions: FleetOptions,
): Promise<ScenarioResult> {
  const fleet = await Fleet.start(fleetOptions);
  const report = new Report();
  const { digests, origin, mayFail } = await script.play(playOf(fleet, report, options));
  await fleet.sim.runFor(REST_MS);
  checkWishes(fleet, report, mayFail);
  checkOrigin(fleet, report, digests, origin);
  await checkInvariants(fleet, report);
  const { ledger } = fleet.world;
  report.note(`cascades: ${pairs(ledger.outcomes)}`);
  report.note(`peaks: ${pairs(ledger.peaks)}`);
  return {
    figures: report.figures,
    notes: report.notes,
    hash: fleet.sim.trace.hash,
    virtualMs: fleet.sim.now,
    steps: fleet.sim.steps,
  };
}

function playOf(fleet: Fleet, report: Report, options: ScenarioOptions): Play {
  return {
    fleet,
    report,
    options,
    image: (repository, layerBytes = LAYERS, shared = []) => {
      const image = makeImage(fleet.random, { repository, layerBytes, shared });
      fleet.world.origin.add(image);
      return image;
    },
    pullEverywhere: (image, spreadMs = 0, hosts = fleet.hosts) => {
      for (const host of hosts) void fleet.runtime(host).pull(image, fleet.random.between(0, spreadMs));
    },
    served: async (withinMs = 900_000) => void (await fleet.untilServed(withinMs)),
  };
}

/** The digests of some images, each once. */
export function digestsOf(...images: readonly SimImage[]): readonly Digest[] {
  return [...new Set(images.flatMap((image) => objectsOf(image).map(({ digest }) => digest)))];
}

function pairs(map: ReadonlyMap<string, number>): string {
  return [...map]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
