/**
 * `muster demo kill-registry`: the authority dies, and its peers go on. A peer is found while the registry lives, while it is dead, and
 * when it is back; a node that was registered a moment before the kill starts while there is no registry, and is still registered
 * after it.
 */
import type { FleetMember } from '../fleet/fleet-file.ts';
import { check, checkAuthority, checkOverlay, checkRoll, median, seconds } from './checks.ts';
import type { FindAnswer, Finder, FleetControl, RegisteredNode, RegistryRoll } from './ports.ts';
import type { Script, Story } from './story.ts';
import { memberOf, membersOf, wholeFleet } from './whole.ts';

export interface KillRegistryPorts {
  readonly control: FleetControl;
  readonly finder: Finder;
  readonly roll: RegistryRoll;
}

/** Finds in the overlay of which the middle one is told. */
const OVERLAY_FINDS = 5;
/** How long the newcomer may take to find the others, and the registry to answer again. */
const WAIT_MS = 30_000;

export function killRegistry(ports: KillRegistryPorts): Script {
  return async (story) => {
    const { control, finder, roll } = ports;
    const fleet = await wholeFleet(story, control);
    const registry = memberOf(fleet, 'registry');
    const nodes = membersOf(fleet, 'node', 2);
    const asked = nodes[0] as FleetMember;
    const wanted = nodes.at(-1) as FleetMember;

    story.step(`Finding ${wanted.name} while the registry lives.`);
    const first = await finder.find(wanted.name, asked);
    story.check(checkAuthority(first, peerOf(wanted)));
    story.figure('findFromRegistryMs', first.ms);

    const newcomer = await control.add({ role: 'node' });
    story.undo(`removing ${newcomer.name}`, () => control.remove(newcomer.name));
    const before = await untilKnown(story, ports, newcomer, wanted);
    story.figure('registeredBefore', before.length);

    story.step(`kill -9 of the registry, process ${registry.pid ?? '?'}.`);
    const isBack = story.undo('starting the registry again', () => control.restart(registry.name));
    const killedAt = story.now();
    await control.kill(registry.name);

    await findWithout(story, ports, { asked, wanted, before });
    await startNewcomer(story, ports, newcomer, wanted);

    story.step('Starting the registry again from what is on its disk.');
    const restartedAt = story.now();
    await control.restart(registry.name);
    isBack();
    const again = await story.until(WAIT_MS, async () => answered(await finder.findAtRegistry(wanted.name)));
    story.figure('registryDownMs', story.now() - killedAt);
    story.figure('registryBackMs', story.now() - restartedAt);
    story.check(
      again === undefined
        ? check('The registry answers again', false, `not within ${seconds(WAIT_MS)}`)
        : checkAuthority(again, peerOf(wanted)),
    );
    const after = await roll.list();
    story.figure('registeredAfter', after.length);
    story.check(checkRoll(before, after));
  };
}

/** Waits until the newcomer is registered and is part of the overlay. Resolves with who is registered then. */
async function untilKnown(
  story: Story,
  { roll, finder }: KillRegistryPorts,
  newcomer: FleetMember,
  wanted: FleetMember,
): Promise<readonly RegisteredNode[]> {
  const before = await story.until(WAIT_MS, async () => {
    const nodes = await roll.list();
    return nodes.some(({ name }) => name === newcomer.name) ? nodes : undefined;
  });
  const found = await story.until(WAIT_MS, async () =>
    answered(await finder.findInOverlay(wanted.name, newcomer)),
  );
  story.check(
    check(
      'A newcomer registers, and meets the overlay',
      before !== undefined && found !== undefined,
      `${newcomer.name} ${before === undefined ? 'is not registered' : 'is registered'}, ${found === undefined ? 'and finds nobody' : `and finds ${wanted.name}`}`,
    ),
  );
  return before ?? (await roll.list());
}

function answered(answer: FindAnswer): FindAnswer | undefined {
  return answer.located.length > 0 ? answer : undefined;
}

function peerOf({ peerId = '' }: FleetMember): { readonly peerId: string } {
  return { peerId };
}

async function findWithout(
  story: Story,
  { finder }: KillRegistryPorts,
  facts: {
    readonly asked: FleetMember;
    readonly wanted: FleetMember;
    readonly before: readonly RegisteredNode[];
  },
): Promise<void> {
  const { asked, wanted, before } = facts;
  story.step(`Finding ${wanted.name} without a registry, from ${asked.name}.`);
  const publicKey = before.find(({ name }) => name === wanted.name)?.publicKey ?? '';
  const answers: FindAnswer[] = [];
  for (let round = 0; round < OVERLAY_FINDS; round += 1) answers.push(await finder.find(wanted.name, asked));
  const times = answers.map(({ ms }) => ms);
  story.figure('findFromOverlayFirstMs', times[0] ?? 0);
  story.figure('findFromOverlayMedianMs', median(times));
  story.figure('findFromOverlaySlowestMs', Math.max(...times));
  // The slowest answer is judged: the promise is for every one.
  const slowest = answers.reduce((worst, answer) => (answer.ms > worst.ms ? answer : worst));
  story.check(...checkOverlay(slowest, { ...peerOf(wanted), publicKey }));
}

/** A peer that has no memory of the overlay but its seeds. */
async function startNewcomer(
  story: Story,
  { control, finder }: KillRegistryPorts,
  { name }: FleetMember,
  wanted: FleetMember,
): Promise<void> {
  story.step(`${name} is killed too, and starts without a registry.`);
  const startedAt = story.now();
  await control.kill(name);
  const newcomer = await control.restart(name);
  const found = await story.until(WAIT_MS, async () =>
    answered(await finder.findInOverlay(wanted.name, newcomer)),
  );
  const ms = story.now() - startedAt;
  story.figure('newcomerFindsMs', ms);
  story.check(
    check(
      'A peer that starts while there is no registry finds the others',
      found?.located[0]?.peerId === wanted.peerId && found?.located[0]?.source === 'overlay',
      found === undefined ? `nobody within ${seconds(WAIT_MS)}` : `${wanted.name} after ${seconds(ms)}`,
    ),
  );
}
