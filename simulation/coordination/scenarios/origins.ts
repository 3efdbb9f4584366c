import type { Digest } from '@muster/coordination';
import type { OriginFault } from '../fabric/sim-origin.ts';
import { digestsOf, LAYERS, MIB, scenario } from './setup.ts';

/** S9: a slow pull is no dead one. */
export const S9 = scenario({
  id: 'S9',
  title: 'the origin sends 2 MiB/s: the largest layer takes a minute, and nobody takes it over',
  agents: [100, 24],
  fleet: () => ({ origin: { bodyBytesPerSecond: 2 * 1_048_576 } }),
  play: async ({ fleet, image, pullEverywhere, served, report }) => {
    const wanted = image(
      'app/large',
      [1, 16, 128].map((mib) => mib * MIB),
    );
    pullEverywhere(wanted);
    await served();
    report.figure('takeovers', fleet.world.ledger.count('coldstart.takeover'), 'takeovers', { atMost: 0 });
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.05 } } };
  },
});

/** S10: every body breaks off, and is continued. */
export const S10 = scenario({
  id: 'S10',
  title: 'the origin cuts every body after 16 MiB',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    fleet.world.origin.fault = () => ({ cutAfter: 16 * MIB });
    const wanted = image(
      'app/cut',
      [1, 8, 20, 56].map((mib) => mib * MIB),
    );
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { copies: { atMost: 1.05 } } };
  },
});

const FAULTS: readonly (readonly [string, OriginFault, number])[] = [
  ['401', { status: 401 }, 3],
  // Asked for as a blob and as a manifest.
  ['404', { status: 404 }, 6],
  ['429', { status: 429, retryAfterS: 120 }, 3],
  ['503', { status: 503 }, 3],
];

/** S11: the origin refuses, and is left alone. */
export const S11 = scenario({
  id: 'S11',
  title: 'the origin refuses four layers, each in its way, and 20 agents ask for them for ten minutes',
  agents: [20, 20],
  play: async ({ fleet, image, report }) => {
    const wanted = image('app/refused', LAYERS.slice(0, FAULTS.length));
    const faults = new Map(FAULTS.map(([, fault], index) => [wanted.layers[index]?.digest, fault]));
    fleet.world.origin.fault = ({ digest }) => faults.get(digest);
    const ask = (): void => {
      for (const host of fleet.hosts) {
        const runtime = fleet.runtime(host);
        runtime.retries = 0;
        for (const layer of wanted.layers) void runtime.get(layer, fleet.random.between(0, 10_000));
      }
    };
    const gets = (): readonly number[] =>
      wanted.layers.map(({ digest }) => fleet.world.origin.count(digest).gets);
    let afterMinute: readonly number[] = [];
    for (let round = 0; round < 60; round++) {
      if (round === 6) afterMinute = gets();
      ask();
      await fleet.sim.runFor(10_000);
    }
    await fleet.untilServed(120_000);
    const tokens = 1;
    for (const [index, [name, , atMost]] of FAULTS.entries()) {
      // An answer of 401 is tried once more with a new token.
      const factor = name === '401' ? 1 + tokens : 1;
      report.figure(`requests for the layer with ${name} in a minute`, afterMinute[index], 'requests', {
        atMost: factor * atMost,
      });
      report.figure(`requests for the layer with ${name} in ten minutes`, gets()[index], 'requests');
    }
    const mayFail = new Set<Digest>(wanted.layers.map(({ digest }) => digest));
    return { digests: digestsOf(wanted), origin: { reads: {} }, mayFail };
  },
});

/** Like S11, but the trouble ends. */
export const S11B = scenario({
  id: 'S11b',
  title: 'the origin answers 503 to everything for 20 s, then recovers',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    const { sim } = fleet;
    const until = sim.now + 20_000;
    fleet.world.origin.fault = () => (sim.now < until ? { status: 503 } : undefined);
    const wanted = image('app/one');
    fleet.later(25_000, () => pullEverywhere(wanted, 1_000));
    await sim.runFor(26_000);
    await served();
    return { digests: digestsOf(wanted) };
  },
});

/** The origin itself sends other bytes, once. */
export const S12B = scenario({
  id: 'S12b',
  title: 'the origin sends corrupt, cut and stalled bodies to whoever asks first',
  play: async ({ fleet, image, pullEverywhere, served }) => {
    const wanted = image('app/one');
    const [first, second, third] = wanted.layers.toReversed();
    const faults = new Map<Digest | undefined, OriginFault>([
      [first?.digest, { isCorrupt: true }],
      [second?.digest, { cutAfter: 1_000 }],
      [third?.digest, { stallAfter: 1_000 }],
    ]);
    fleet.world.origin.fault = ({ digest, before }) => (before === 0 ? faults.get(digest) : undefined);
    pullEverywhere(wanted);
    await served();
    return { digests: digestsOf(wanted), origin: { reads: { atMost: 3 } } };
  },
});
