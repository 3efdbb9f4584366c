/**
 * `muster demo partition`: the fleet falls into two halves that cannot reach one another, twice.
 *
 * First both reach the registry, whose leases decide who reads at the origin. One half gets the leases and pulls; the other cannot reach
 * its bytes, and waits for them rather than reading them again (for two minutes; then it would). The cut heals before that, and the bytes
 * come from the other half: one read of each digest, in spite of the cut.
 *
 * Then one half does not reach the registry either. Nobody can tell it what the other half does, so it goes by rendezvous hashing
 * among those whom it sees: one read of each digest a half. That is the bound which holds then, and the one that is checked.
 */
import type { FleetFile, FleetMember } from '../fleet/fleet-file.ts';
import {
  check,
  checkNeverTwoAtOnce,
  checkNoReads,
  checkOneRead,
  checkPulls,
  checkReads,
  type OriginDelta,
  originDelta,
  seconds,
} from './checks.ts';
import type { Finder, FleetControl, MirrorPlace, Origin, OriginImage, Puller, ScoreWatch } from './ports.ts';
import { describeRound, keepFigures, type PullRound, pullAtOnce, sizeOf } from './pulling.ts';
import { placesOf } from './pull.ts';
import type { Script, Story } from './story.ts';
import { memberOf, membersOf, wholeFleet } from './whole.ts';

export interface PartitionPorts {
  readonly control: FleetControl;
  readonly finder: Finder;
  readonly origin: Origin;
  readonly puller: Puller;
  readonly watch: ScoreWatch;
}

/** How long a half may take for a pull. */
const HALF_MS = 60_000;
/** So long the other half is watched while it waits. */
const HOLD_MS = 4_000;
/** How long the halves may take to see each other again. */
const HEAL_MS = 60_000;

/** One side of a cut. */
interface Half {
  readonly name: string;
  readonly members: readonly string[];
  readonly nodes: readonly FleetMember[];
  readonly mirrors: readonly MirrorPlace[];
}

export function partition(ports: PartitionPorts): Script {
  return async (story) => {
    const { control } = ports;
    const fleet = await wholeFleet(story, control);
    const halves = halvesOf(fleet);
    for (const { name, members } of halves) story.step(`Half ${name}: ${members.join(', ')}.`);
    story.undo('healing the cut', () => control.heal());
    await cutWithRegistry(story, ports, fleet, halves);
    await cutFromRegistry(story, ports, fleet, halves);
    await afterwards(story, ports, halves);
  };
}

/** Every second member of each role. */
export function halvesOf(fleet: Pick<FleetFile, 'members'>): readonly [Half, Half] {
  const indexers = membersOf(fleet, 'indexer', 2);
  const nodes = membersOf(fleet, 'node', 2);
  const mirrors = membersOf(fleet, 'mirror', 2);
  const [a, b] = [0, 1].map((side) => {
    const mine = <T>(all: readonly T[]): readonly T[] => all.filter((_, index) => index % 2 === side);
    const members = [...mine(indexers), ...mine(nodes), ...mine(mirrors)].map(({ name }) => name);
    return { name: 'AB'[side] ?? '', members, nodes: mine(nodes), mirrors: placesOf(mine(mirrors)) };
  });
  return [a as Half, b as Half];
}

/** Both halves pull the same image, and the registry decides who reads. */
async function cutWithRegistry(
  story: Story,
  ports: PartitionPorts,
  fleet: FleetFile,
  halves: readonly [Half, Half],
): Promise<void> {
  const { control, origin, puller } = ports;
  story.step('The halves cannot reach one another; both reach the registry.');
  await control.cut(halves.map(({ members }) => members));
  await findAcross(story, ports, halves);
  const image = await origin.makeImage('partition');
  const before = await origin.counts();
  const size = sizeOf(image);
  const places = mirrorsOf(halves);
  story.step('All mirrors of both halves pull a new image.');
  const done = new Set<string>();
  const round = pullAtOnce(story, puller, places, image, (mirror) => void done.add(mirror));
  // It is awaited below, unless the demo ends before.
  round.catch(() => {});
  const first = await story.until(HALF_MS, async () =>
    halves.find(({ mirrors }) => mirrors.every(({ name }) => done.has(name))),
  );
  story.check(
    check(
      'One half gets the leases of the registry, and has the image',
      first !== undefined,
      first === undefined ? `neither within ${seconds(HALF_MS)}` : `half ${first.name}`,
    ),
  );
  if (first !== undefined) {
    await story.pause(HOLD_MS);
    const during = originDelta(before, await origin.counts());
    const waiting = places.length - done.size;
    story.figure('cutWithRegistryReads', during.total);
    story.check(
      checkOneRead('… by one read of each digest, while the other half wants it, too', image.objects, during),
    );
    story.step(
      `${waiting} mirrors of the other half wait for the bytes: who has them is out of their reach.`,
    );
  }
  await heal(story, ports, fleet, 'firstHealMs');
  const { results, failures } = await round;
  const delta = originDelta(before, await origin.counts());
  keepFigures(story, 'acrossTheCut', { results, failures });
  story.check(
    checkPulls('Healed: the other half has it, too', places.length, results, size, failures),
    checkOneRead('… from the first half: still one read of each digest', image.objects, delta),
    checkNeverTwoAtOnce(image.objects, delta),
  );
}

/** Finds across the cut go through the registry. */
async function findAcross(
  story: Story,
  { finder }: PartitionPorts,
  halves: readonly [Half, Half],
): Promise<void> {
  for (const [index, half] of halves.entries()) {
    const asked = half.nodes[0] as FleetMember;
    const wanted = halves[1 - index]?.nodes[0] as FleetMember;
    const { located, ms } = await finder.find(wanted.name, asked);
    story.check(
      check(
        `Half ${half.name} finds ${wanted.name} of the other half through the registry`,
        located.length === 1 && located[0]?.peerId === wanted.peerId && located[0]?.source === 'registry',
        `${located.map(({ source }) => source).join(', ') || 'nobody'} in ${Math.round(ms)} ms`,
      ),
    );
  }
}

/** One half does not reach the registry either, and goes by the original's rules. */
async function cutFromRegistry(
  story: Story,
  ports: PartitionPorts,
  fleet: FleetFile,
  halves: readonly [Half, Half],
): Promise<void> {
  const registry = memberOf(fleet, 'registry').name;
  const [a, b] = halves;
  story.step(`Cut again; half ${b.name} does not reach the registry either, and goes by rendezvous hashing.`);
  await ports.control.cut([[...a.members, registry], b.members]);
  const { image, round, delta } = await pullOnBothSides(story, ports, halves);
  keepFigures(story, 'withoutRegistry', round);
  story.figure('withoutRegistryReads', delta.total);
  story.figure('imageDigests', image.objects.length);
  story.check(
    checkPulls(
      'Both halves have the image',
      mirrorsOf(halves).length,
      round.results,
      sizeOf(image),
      round.failures,
    ),
    checkReads('… by one read of each digest a half at most', image.objects, delta, {
      least: 1,
      most: halves.length,
    }),
  );
  const before = await ports.origin.counts();
  await heal(story, ports, fleet, 'secondHealMs');
  const again = await pullAtOnce(story, ports.puller, mirrorsOf(halves), image);
  const rest = originDelta(before, await ports.origin.counts());
  story.check(
    checkPulls(
      'Healed: all of them pull it again',
      mirrorsOf(halves).length,
      again.results,
      sizeOf(image),
      again.failures,
    ),
    checkNoReads('… and the origin was not asked', rest),
  );
}

async function pullOnBothSides(
  story: Story,
  { origin, puller }: PartitionPorts,
  halves: readonly [Half, Half],
): Promise<{ readonly image: OriginImage; readonly round: PullRound; readonly delta: OriginDelta }> {
  const image = await origin.makeImage('partition');
  const before = await origin.counts();
  const round = await pullAtOnce(story, puller, mirrorsOf(halves), image);
  const delta = originDelta(before, await origin.counts());
  if (round.results.length > 0) story.step(`Both halves pulled at once: ${describeRound(round)}.`);
  return { image, round, delta };
}

function mirrorsOf(halves: readonly Half[]): readonly MirrorPlace[] {
  return halves.flatMap(({ mirrors }) => mirrors);
}

/** Waits until every pool has every indexer again. */
async function heal(
  story: Story,
  { control, watch }: PartitionPorts,
  fleet: FleetFile,
  figure: string,
): Promise<void> {
  story.step('The cut heals.');
  await control.heal();
  const healedAt = story.now();
  const indexers = membersOf(fleet, 'indexer');
  const members = [...indexers, ...membersOf(fleet, 'node')];
  const isWhole = await story.until(HEAL_MS, async () => {
    const pools = await Promise.all(members.map((member) => watch.pool(member)));
    const whole = pools.every(({ entries }, index) =>
      indexers
        .filter(({ name }) => name !== members[index]?.name)
        .every(({ peerId }) => entries.some((entry) => entry.peerId === peerId && entry.isHealthy)),
    );
    return whole ? true : undefined;
  });
  const ms = story.now() - healedAt;
  story.figure(figure, ms);
  story.check(
    check(
      'Healed: every peer hears every indexer again',
      isWhole === true,
      isWhole === true ? `after ${seconds(ms)}` : `not within ${seconds(HEAL_MS)}`,
    ),
  );
}

/** One fleet again: one read of each digest. */
async function afterwards(
  story: Story,
  { origin, puller }: PartitionPorts,
  halves: readonly [Half, Half],
): Promise<void> {
  const image = await origin.makeImage('partition');
  story.step('One fleet again: all pull another new image.');
  const before = await origin.counts();
  const round = await pullAtOnce(story, puller, mirrorsOf(halves), image);
  const delta = originDelta(before, await origin.counts());
  keepFigures(story, 'afterwards', round);
  story.check(
    checkPulls('All have it', mirrorsOf(halves).length, round.results, sizeOf(image), round.failures),
    checkOneRead('… by one read of each digest', image.objects, delta),
  );
}
