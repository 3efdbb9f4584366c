import { checkLeases } from '../checkers/leases.ts';
import type { Fleet, FleetOptions } from '../fleet.ts';
import { REGISTRY_HOST, type SimRegistry } from '../leases/sim-registry.ts';
import { partition } from '../../network/index.ts';
import type { Tampering } from '../tampering.ts';
import { digestsOf, LAYERS, MIB, type Play, scenario } from './setup.ts';

/** Parts per million by which clocks are off, more than a bad quartz. */
const DRIFT_PPM = 500;
const LARGE: readonly number[] = [1, 4, 16, 64].map((mib) => mib * MIB);

function registryOf(fleet: Fleet): SimRegistry {
  const { registry } = fleet.world;
  if (registry === undefined) throw new Error('the fleet has no leases');
  return registry.sim;
}

/**
 * Kills or freezes some of those who have just got a lease, at some point of their pull; killed ones come back after a while, and
 * frozen ones go on, sooner or later than the lease has run out.
 */
function harmHolders({ fleet }: Play, most: number): void {
  const { registry } = fleet.world;
  if (registry === undefined) return;
  let rest = most;
  registry.book.onGranted = (host) => {
    if (rest === 0 || !fleet.random.chance(0.4)) return;
    rest -= 1;
    fleet.later(fleet.random.between(0, 3_000), () => {
      const process = fleet.agent(host)?.process;
      if (process?.isAlive !== true || process.isPaused) return;
      if (fleet.random.chance(0.5)) {
        fleet.kill(host, { silently: fleet.random.chance(0.3) });
        fleet.later(fleet.random.between(2_000, 20_000), () => void fleet.restart(host));
        return;
      }
      fleet.sim.trace.note(fleet.sim.now, host, 'frozen');
      process.pause();
      fleet.later(fleet.random.between(1_000, 40_000), () => process.resume());
    });
  };
}

/** Kills the registry every few seconds; it recovers sooner than a lease runs out, and than anybody gives up asking. */
function restartRegistry({ fleet }: Play, forMs: number): void {
  const registry = registryOf(fleet);
  for (let at = 300; at < forMs; at += fleet.random.between(2_000, 6_000)) {
    fleet.later(at, () => registry.crash());
    fleet.later(at + fleet.random.between(50, 500), () => registry.recover());
  }
}

/** As orchestrators do, which start a pull anew. */
function bePatient(fleet: Fleet): void {
  for (const host of fleet.hosts) fleet.runtime(host).patienceMs = 600_000;
}

/** Cuts the agents into two halves, which both reach the registry and the origin. */
function cutInHalves({ fleet }: Play, forMs: number): void {
  const hosts = fleet.random.shuffled(fleet.hosts);
  const half = Math.ceil(hosts.length / 2);
  const cut = fleet.world.network.cut(partition(hosts.slice(0, half), hosts.slice(half)));
  fleet.later(forMs, () => cut.heal());
}

/** An origin so slow that pulls of the large layers outlast a lease. */
const SLOW = { bytesPerSecond: 50e6, bodyBytesPerSecond: 5e6 };

const fleetOf = (): Pick<FleetOptions, 'unseen' | 'leases' | 'origin'> => ({
  unseen: 0.3,
  leases: { driftPpm: DRIFT_PPM },
  origin: SLOW,
});

/** As if each agent saw nobody but itself: whoever wants an object is the one to pull it. */
export const everybodyPulls: Tampering['resolve'] & {} = async (
  agent,
  { digest, kind, registry, repository },
) => {
  await agent.server.startLocalPull({ kind, registry, repository, trigger: 'mirror' }, [digest]);
  return { how: 'own-pull', outcome: 'planted' };
};

/** S25: leases, and views that differ. */
export const S25 = scenario({
  id: 'S25',
  title: 'with leases: each agent misses a third of the members, and two halves are cut off for 60 s',
  agents: [100, 24],
  fleet: fleetOf,
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    bePatient(fleet);
    const images = [image('app/one'), image('app/two', LAYERS.slice(0, 4))];
    cutInHalves(play, 60_000);
    for (const each of images) pullEverywhere(each, 3_000);
    await served();
    checkLeases(fleet, report, digestsOf(...images));
    return { digests: digestsOf(...images), origin: { copies: { atMost: 1.005 } } };
  },
});

/** S25 with everything else. */
export const LEASES = scenario({
  id: 'leases',
  title:
    'with leases: views that differ, a partition, restarts, holders that are killed or frozen, a registry that crashes',
  agents: [100, 24],
  fleet: fleetOf,
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    bePatient(fleet);
    const images = [image('app/one', LARGE), image('app/two'), image('app/three', LAYERS.slice(0, 4))];
    const [first, ...later] = images;
    if (fleet.random.chance(0.7)) cutInHalves(play, fleet.random.between(5_000, 90_000));
    if (first !== undefined) pullEverywhere(first, 2_000);
    for (const each of later) {
      fleet.later(fleet.random.between(0, 20_000), () => pullEverywhere(each, 5_000));
    }
    harmHolders(play, 12);
    restartRegistry(play, 40_000);
    for (const host of fleet.random.shuffled(fleet.hosts).slice(0, Math.ceil(fleet.hosts.length / 10))) {
      const at = fleet.random.between(100, 8_000);
      fleet.later(at, () => fleet.kill(host));
      fleet.later(at + fleet.random.between(2_000, 15_000), () => void fleet.restart(host));
    }
    await fleet.sim.runFor(30_000);
    await served(1_800_000);
    await fleet.sim.runFor(60_000);
    checkLeases(fleet, report, digestsOf(...images));
    return { digests: digestsOf(...images), origin: { reads: {} } };
  },
});

/** S26: no registry for some, then for all. */
export const S26 = scenario({
  id: 'S26',
  title:
    'with leases: a third of the agents never reaches the registry, and all of them lose it for a minute',
  agents: [100, 24],
  fleet: () => ({ unseen: 0.1, leases: { driftPpm: DRIFT_PPM }, origin: SLOW }),
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    bePatient(fleet);
    const registry = registryOf(fleet);
    const images = [image('app/one'), image('app/two', LARGE)];
    const without = fleet.random.shuffled(fleet.hosts).slice(0, Math.ceil(fleet.hosts.length / 3));
    const cut = fleet.world.network.cut(partition(without, [REGISTRY_HOST]));
    fleet.later(fleet.random.between(200, 2_000), () => registry.crash());
    fleet.later(60_000, () => registry.recover());
    for (const each of images) pullEverywhere(each, 5_000);
    await served();
    cut.heal();
    await fleet.sim.runFor(120_000);
    const { book } = fleet.world.registry ?? {};
    report.figure('pulls without a registry', book?.unavailable, 'wishes', { atLeast: 1 });
    report.figure('leases left at the registry', registry.local.directory.leases.held.size, 'leases', {
      atMost: 0,
    });
    // One more than without leases: a lease that is lost in the middle lets its holder begin anew, by the rules that need none.
    return { digests: digestsOf(...images), origin: { reads: { atMost: 4 } } };
  },
});

/** S27: the registry is restarted, again and again. */
export const S27 = scenario({
  id: 'S27',
  title: 'with leases: the registry is killed every few seconds and recovers from its log',
  agents: [100, 24],
  fleet: fleetOf,
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    bePatient(fleet);
    const images = [image('app/one', LARGE), image('app/two')];
    restartRegistry(play, 30_000);
    for (const each of images) pullEverywhere(each, 10_000);
    await served();
    await fleet.sim.runFor(60_000);
    checkLeases(fleet, report, digestsOf(...images));
    return { digests: digestsOf(...images), origin: { copies: { atMost: 1.005 } } };
  },
});

/** S28: nobody agrees with anybody. */
export const S28 = scenario({
  id: 'S28',
  title: 'with leases: every agent elects itself for everything, and holders are killed or frozen',
  agents: [100, 24],
  fleet: () => ({ ...fleetOf(), tampering: { resolve: everybodyPulls } }),
  play: async (play) => {
    const { fleet, image, pullEverywhere, served, report } = play;
    bePatient(fleet);
    const images = [image('app/one', LARGE), image('app/two')];
    for (const each of images) pullEverywhere(each, 1_000);
    harmHolders(play, 4);
    await served(1_800_000);
    await fleet.sim.runFor(60_000);
    checkLeases(fleet, report, digestsOf(...images));
    return { digests: digestsOf(...images), origin: { reads: {} } };
  },
});
