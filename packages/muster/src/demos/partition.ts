/**
 * `muster demo partition`: the fleet falls into two halves that cannot reach one another, twice. First both reach the registry, whose leases
 * then let one half read at a time; then one half does not, and falls back to rendezvous hashing among those whom it sees. After
 * each cut the halves become one fleet again, and nothing is read that anybody has.
 *
 * What can be promised. A half that cannot reach the bytes of the other has to read them at the origin, or do without. So the bound
 * during a cut is one read of each digest a half, and with leases never two at the same time.
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
import type {
  Finder,
  FleetControl,
  MirrorPlace,
  Origin,
  OriginCounts,
  OriginImage,
  Puller,
  ScoreWatch,
} from './ports.ts';
import { describeRound, keepFigures, type PullRound, pullAtOnce, sizeOf } from './pulling.ts';
import { placesOf } from './pull.ts';
import type { Check, Script, Story } from './story.ts';
import { memberOf, membersOf, wholeFleet } from './whole.ts';

export interface PartitionPorts {
  readonly control: FleetControl;
  readonly finder: Finder;
  readonly origin: Origin;
  readonly puller: Puller;
  readonly watch: ScoreWatch;
}

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
    await cutWithRegistry(story, ports, halves);
    await heal(story, ports, fleet);
    await oneHalfKnows(story, ports, fleet, halves);
    await cutFromRegistry(story, ports, fleet, halves);
    await heal(story, ports, fleet);
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
  halves: readonly [Half, Half],
): Promise<void> {
  story.step('The halves cannot reach one another; both reach the registry.');
  await ports.control.cut(halves.map(({ members }) => members));
  await findAcross(story, ports, halves);
  const { image, round, delta } = await pullOnBothSides(story, ports, halves, 'cutWithRegistry');
  const size = sizeOf(image);
  story.check(
    checkPulls(
      'With the registry: both halves have the image',
      mirrorsOf(halves).length,
      round.results,
      size,
      round.failures,
    ),
    checkReads(
      '… by one read of each digest a half at most: neither reaches the bytes of the other',
      image.objects,
      delta,
      { least: 1, most: halves.length },
    ),
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
  const { image, round, delta } = await pullOnBothSides(story, ports, halves, 'cutFromRegistry');
  const size = sizeOf(image);
  story.check(
    checkPulls(
      'Without it on one side: both halves have the image',
      mirrorsOf(halves).length,
      round.results,
      size,
      round.failures,
    ),
    checkReads('… by one read of each digest a half at most', image.objects, delta, {
      least: 1,
      most: halves.length,
    }),
  );
}

async function pullOnBothSides(
  story: Story,
  { origin, puller }: PartitionPorts,
  halves: readonly [Half, Half],
  prefix: string,
): Promise<{ readonly image: OriginImage; readonly round: PullRound; readonly delta: OriginDelta }> {
  const image = await origin.makeImage('partition');
  const before = await origin.counts();
  const round = await pullAtOnce(story, puller, mirrorsOf(halves), image);
  const delta = originDelta(before, await origin.counts());
  if (round.results.length > 0) story.step(`Both halves pulled at once: ${describeRound(round)}.`);
  keepFigures(story, prefix, round);
  story.figure(`${prefix}Reads`, delta.total);
  story.figure(`${prefix}Digests`, image.objects.length);
  return { image, round, delta };
}

function mirrorsOf(halves: readonly Half[]): readonly MirrorPlace[] {
  return halves.flatMap(({ mirrors }) => mirrors);
}

/** Waits until every pool has every indexer again. */
async function heal(story: Story, { control, watch }: PartitionPorts, fleet: FleetFile): Promise<void> {
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
  story.figure('healedAfterMs', ms);
  story.check(
    check(
      'Healed: every peer hears every indexer again',
      isWhole === true,
      isWhole === true ? `after ${seconds(ms)}` : `not within ${seconds(HEAL_MS)}`,
    ),
  );
}

/** What only one half has pulled comes to the other half from there. */
async function oneHalfKnows(
  story: Story,
  ports: PartitionPorts,
  fleet: FleetFile,
  halves: readonly [Half, Half],
): Promise<void> {
  const { control, origin, puller } = ports;
  const [a, b] = halves;
  story.step(`Cut again; only half ${a.name} pulls.`);
  await control.cut(halves.map(({ members }) => members));
  const image = await origin.makeImage('partition');
  const size = sizeOf(image);
  const before = await origin.counts();
  const round = await pullAtOnce(story, puller, a.mirrors, image);
  const between = await origin.counts();
  story.check(
    checkPulls(`Half ${a.name} has the image`, a.mirrors.length, round.results, size, round.failures),
    checkOneRead('… by one read of each digest', image.objects, originDelta(before, between)),
  );
  await heal(story, ports, fleet);
  story.check(...(await pullFromPeers(story, ports, b, image, between)));
}

async function pullFromPeers(
  story: Story,
  { origin, puller }: PartitionPorts,
  half: Half,
  image: OriginImage,
  before: OriginCounts,
): Promise<readonly Check[]> {
  story.step(`Half ${half.name} pulls what only the other half has.`);
  const round = await pullAtOnce(story, puller, half.mirrors, image);
  const delta = originDelta(before, await origin.counts());
  keepFigures(story, 'healed', round);
  return [
    checkPulls(
      `Half ${half.name} has it, too`,
      half.mirrors.length,
      round.results,
      sizeOf(image),
      round.failures,
    ),
    checkNoReads('… from the other half: the origin was not asked', delta),
  ];
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
