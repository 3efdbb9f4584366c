import { partition } from '../../network/index.ts';
import { digestsOf, LAYERS, type Play, scenario } from './setup.ts';

/** Kills some agents one after the other while the others work, and starts each again a while later. */
function churn({ fleet }: Play, hosts: readonly string[], withinMs: number): void {
  for (const host of hosts) {
    const at = fleet.random.between(100, withinMs);
    const isSilent = fleet.random.chance(0.3);
    fleet.later(at, () => fleet.kill(host, { silently: isSilent }));
    fleet.later(at + fleet.random.between(2_000, 15_000), () => void fleet.restart(host));
  }
}

/** S13: restarts. */
export const S13 = scenario({
  id: 'S13',
  title: 'a fifth of the agents restarts during a cold pull',
  play: async (play) => {
    const { fleet, image, pullEverywhere, served } = play;
    const wanted = image('app/one');
    pullEverywhere(wanted, 2_000);
    const hosts = fleet.random.shuffled(fleet.hosts).slice(0, Math.ceil(fleet.hosts.length / 5));
    churn(play, hosts, 5_000);
    await served();
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
  },
});

/** S14: nobody sees everybody. */
export const S14 = scenario({
  id: 'S14',
  title: 'each agent misses a random tenth of the members',
  fleet: () => ({ unseen: 0.1 }),
  play: async ({ image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
  },
});

/** S14 with S13. */
export const S14B = scenario({
  id: 'S14b',
  title: 'each agent misses a tenth of the members, a tenth restarts, and news takes up to 10 s',
  fleet: () => ({ unseen: 0.1 }),
  play: async (play) => {
    const { fleet, image, pullEverywhere, served } = play;
    const images = [image('app/one'), image('app/two', LAYERS.slice(0, 4))];
    for (const each of images) pullEverywhere(each, 5_000);
    const hosts = fleet.random.shuffled(fleet.hosts).slice(0, Math.ceil(fleet.hosts.length / 10));
    churn(play, hosts, 8_000);
    await served();
    return { digests: digestsOf(...images), origin: { reads: { atMost: 3 } } };
  },
});

/** S15: no discovery. */
export const S15 = scenario({
  id: 'S15',
  title: 'all lookups find nothing',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    fleet.world.routing.isOff = true;
    const wanted = image('app/one');
    pullEverywhere(wanted, 1_000);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.05 } } };
  },
});

/** S16: slow discovery. */
export const S16 = scenario({
  id: 'S16',
  title: 'lookups take 3 s, then fail half of the time',
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    fleet.world.routing.options = { ...fleet.world.routing.options, lookupMs: [3_000, 3_000], failure: 0.5 };
    const wanted = image('app/one');
    pullEverywhere(wanted, 1_000);
    await served();
    const healths = fleet.agents.map(({ discovery }) => discovery.health());
    report.figure('health of discovery, least', Math.min(...healths), 'score');
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
  },
});

/** S17: two halves, both with the origin. */
export const S17 = scenario({
  id: 'S17',
  title: 'a partition into two halves for 60 s, begun with the pull',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    const half = Math.ceil(fleet.hosts.length / 2);
    const cut = fleet.world.network.cut(partition(fleet.hosts.slice(0, half), fleet.hosts.slice(half)));
    fleet.later(60_000, () => cut.heal());
    pullEverywhere(wanted, 2_000);
    await served();
    // Two on each side, as the spec allows; the target is one.
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 4 }, copies: { atMost: 2.05 } } };
  },
});

/** S18: no room for the image. */
export const S18 = scenario({
  id: 'S18',
  title: 'stores hold two thirds of the image',
  agents: [50, 16],
  fleet: () => ({ settings: { cacheBudgetBytes: Math.floor((LAYERS.reduce((a, b) => a + b, 0) * 2) / 3) } }),
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted, 2_000);
    await served();
    const { ledger } = fleet.world;
    report.figure('evictions per agent', ledger.count('store.removed') / fleet.hosts.length, 'objects', {
      // Each object once, and what was copied again.
      atMost: 2 * digestsOf(wanted).length,
    });
    return { digests: digestsOf(wanted), origin: { reads: {} } };
  },
});

/** S22: announcements are renewed. */
export const S22 = scenario({
  id: 'S22',
  title:
    'two days and two hours without a restart: providers are still found, and a new disk is filled from them',
  isQuick: false,
  agents: [5, 5],
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted);
    await served();
    let lost = 0;
    for (let hours = 0; hours < 50; hours += 5) {
      await fleet.sim.runFor(5 * 3_600_000);
      for (const host of fleet.hosts) {
        for (const digest of digestsOf(wanted)) {
          if (fleet.world.routing.holders(digest, host).length < fleet.hosts.length) lost += 1;
        }
      }
    }
    report.figure('lookups that did not find all providers', lost, 'lookups', { atMost: 0 });
    const [host = ''] = fleet.hosts;
    fleet.kill(host);
    await fleet.sim.runFor(1_000);
    await Promise.all([fleet.restart(host, { isEmpty: true }), fleet.sim.runFor(60_000)]);
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.005 } } };
  },
});

/** A bad network. */
export const LOSS = scenario({
  id: 'loss',
  title: 'a slow network that loses 3 % of its packets, with failing lookups',
  fleet: () => ({
    links: { coreMs: 20, accessMs: [5, 25], jitterMs: 10, loss: 0.03 },
    routing: { failure: 0.1, lookupMs: [50, 1_500] },
  }),
  play: async ({ image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    pullEverywhere(wanted, 1_000);
    await served();
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
  },
});
