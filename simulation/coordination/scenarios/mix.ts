import { isolation } from '../../network/index.ts';
import { lieTo } from '../lies.ts';
import { digestsOf, LAYERS, MIB, scenario } from './setup.ts';

/** Everything at once, another mixture for each seed: what holds must hold whatever comes together. */
export const MIX = scenario({
  id: 'mix',
  title: 'restarts, freezes, cuts, losses, liars, failing lookups and a failing origin, at random',
  agents: [100, 30],
  fleet: () => ({
    unseen: 0.05,
    links: { coreMs: 2, accessMs: [1, 10], jitterMs: 3, loss: 0.01 },
    routing: { failure: 0.1, lookupMs: [20, 800] },
  }),
  play: async ({ fleet, image, pullEverywhere, served }) => {
    const { random, hosts } = fleet;
    const { origin, network } = fleet.world;
    const sometimes = random.fork('origin');
    origin.fault = () => {
      if (sometimes.chance(0.05)) return { status: 503 };
      if (sometimes.chance(0.05)) return { cutAfter: Math.floor(sometimes.between(0, 8 * MIB)) };
      return sometimes.chance(0.02) ? { isRefused: true } : undefined;
    };
    const victims = random.shuffled(hosts);
    const [corrupt = '', cut = '', absent = '', silent = '', garbage = ''] = victims.splice(0, 5);
    fleet.lie(corrupt, { isCorrupt: true });
    fleet.lie(cut, { truncateAt: 0.3 });
    fleet.lie(absent, { status: 404 });
    for (const [host, lie] of [
      [silent, 'silent'],
      [garbage, 'garbage'],
    ] as const) {
      const agent = fleet.agent(host);
      if (agent !== undefined) lieTo(agent, lie);
    }
    for (const host of victims.splice(0, Math.ceil(hosts.length / 15))) {
      const at = random.between(200, 8_000);
      fleet.later(at, () => fleet.kill(host, { silently: random.chance(0.5) }));
      fleet.later(
        at + random.between(1_000, 12_000),
        () => void fleet.restart(host, { isEmpty: random.chance(0.3) }),
      );
    }
    for (const host of victims.splice(0, Math.ceil(hosts.length / 15))) {
      const at = random.between(200, 8_000);
      fleet.later(at, () => fleet.agent(host)?.process.pause());
      fleet.later(at + random.between(5_000, 60_000), () => fleet.agent(host)?.process.resume());
    }
    const alone = victims.splice(0, Math.ceil(hosts.length / 10));
    fleet.later(random.between(0, 3_000), () => {
      const isolated = network.cut(isolation(...alone));
      fleet.later(20_000, () => isolated.heal());
    });
    const images = [image('app/one'), image('app/two', LAYERS.slice(2, 5))];
    for (const each of images) pullEverywhere(each, 5_000);
    for (const host of hosts) fleet.runtime(host).patienceMs = 300_000;
    await served();
    return { digests: digestsOf(...images), origin: { reads: { atMost: 6 } } };
  },
});
