import { digestsOf, LAYERS, scenario } from './setup.ts';

/** S2: one image, all at once. */
export const S2 = scenario({
  id: 'S2',
  title: 'cold: one image, wanted by all agents at once',
  play: async ({ image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
  },
});

/** S2, not quite at once, several repositories. */
export const S2B = scenario({
  id: 'S2b',
  title: 'cold: three images of three repositories, wanted within 5 s',
  play: async ({ image, pullEverywhere, served }) => {
    const images = ['app/one', 'app/two', 'tools/three'].map((repository) => image(repository));
    for (const each of images) pullEverywhere(each, 5_000);
    await served();
    return { digests: digestsOf(...images), origin: { copies: { atMost: 1.005 } } };
  },
});

/** S3: the runtimes have lost everything, the agents nothing. */
export const S3 = scenario({
  id: 'S3',
  title: 'warm: the same image once more, and after a restart of all agents',
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    await fleet.sim.runFor(30_000);
    const before = fleet.world.origin.requests;
    pullEverywhere(wanted);
    await served();
    for (const host of fleet.hosts) fleet.kill(host);
    await fleet.sim.runFor(1_000);
    for (const host of fleet.hosts) void fleet.restart(host);
    await fleet.sim.runFor(60_000);
    pullEverywhere(wanted);
    await served();
    report.figure('origin requests when warm', fleet.world.origin.requests - before, 'requests', {
      atMost: 0,
    });
    return { digests: digestsOf(wanted) };
  },
});

/** S4: half of the agents start on empty disks. */
export const S4 = scenario({
  id: 'S4',
  title: 'half warm: half of the agents begin again with empty stores',
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    await fleet.sim.runFor(30_000);
    const before = fleet.world.origin.requests;
    const half = fleet.hosts.filter((_, index) => index % 2 === 0);
    for (const host of half) fleet.kill(host);
    await fleet.sim.runFor(1_000);
    for (const host of half) void fleet.restart(host, { isEmpty: true });
    await fleet.sim.runFor(60_000);
    const refusedBefore = refusals();
    pullEverywhere(wanted, 1_000);
    await served();
    report.figure('origin requests when half warm', fleet.world.origin.requests - before, 'requests', {
      atMost: 0,
    });
    report.figure('refusals when half warm', refusals() - refusedBefore, 'requests', { atMost: 0 });
    return { digests: digestsOf(wanted) };

    function refusals(): number {
      return fleet.world.ledger.wishes.reduce((sum, { codes }) => sum + codes.length, 0);
    }
  },
});

/** S5: what is shared is there already. */
export const S5 = scenario({
  id: 'S5',
  title: 'a second image, in another repository, that shares all layers but two',
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const first = image('app/one');
    pullEverywhere(first);
    await served();
    await fleet.sim.runFor(10_000);
    const before = fleet.world.origin.requests;
    const second = image('app/two', LAYERS.slice(0, 2), first.layers.slice(2));
    pullEverywhere(second, 2_000);
    await served();
    // Manifest, config and the two layers.
    report.figure('origin requests for the second image', fleet.world.origin.requests - before, 'requests', {
      atMost: 4,
    });
    return { digests: digestsOf(first, second), origin: { copies: { atMost: 1.005 } } };
  },
});

/** S21: nobody wants the bytes. */
export const S21 = scenario({
  id: 'S21',
  title: 'HEAD only: all agents ask for the size of the manifest, then of a layer',
  play: async ({ fleet, image, served, report }) => {
    const wanted = image('app/one');
    const layer = wanted.layers[3] ?? wanted.config;
    for (const host of fleet.hosts) void fleet.runtime(host).head(wanted.manifest);
    await served();
    // The owners have pulled the layers by now, though nobody has asked for one.
    await fleet.sim.runFor(10_000);
    for (const host of fleet.hosts) void fleet.runtime(host).head(layer);
    await served();
    const { gets } = fleet.world.origin.count(wanted.manifest.digest);
    report.figure('GETs of the manifest', gets, 'requests', { atMost: 1 });
    return { digests: digestsOf(wanted) };
  },
});

/** S23: nobody to ask. */
export const S23 = scenario({
  id: 'S23',
  title: 'a single agent',
  agents: [1, 1],
  play: async ({ image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
  },
});
