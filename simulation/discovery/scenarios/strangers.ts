/** M-14 (the part without bytes): ten thousand strange peer ids against one indexer. */

import { PROTOCOLS } from '@muster/discovery';
import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import { SimOverlay } from '../sim-overlay.ts';
import { Report, type Scenario } from './result.ts';
import { at, HOUR, MINUTE, SECOND, stage, untilHealthy } from './setup.ts';

const SOON = { timeoutMs: 10_000 };

/** A peer without a daemon that sends one heartbeat, and then nonsense or nothing, and stays connected for a while. */
function visit(fleet: Fleet, indexer: Member, index: number): void {
  const random = fleet.sim.random.fork(`stranger ${index}`);
  const { self } = fleet.keyring.create(random);
  const process = fleet.sim.process(`stranger ${index}`);
  const address = `/ip4/30.${index >> 16}.${(index >> 8) & 255}.${index & 255}/tcp/1`;
  const overlay = new SimOverlay({ network: fleet.network, process, peer: self, addresses: [address] });
  const run = async (): Promise<void> => {
    await overlay.start();
    const stream = await overlay.open(indexer.info, PROTOCOLS.heartbeat, SOON);
    const heartbeat = {
      peer_id: self,
      timestamp: Math.floor(process.now() / 1_000),
      indexers_binded: [],
      seq: 1,
    };
    await stream.write(heartbeat, SOON);
    await stream.read({ ...SOON, maxBytes: 300_000 });
    // One in four sends what is no heartbeat, under a foreign name or not at all.
    if (index % 4 === 0) await stream.write({ peer_id: indexer.peer, timestamp: 'now' }, SOON);
    await process.sleep(random.between(0, MINUTE));
  };
  void run()
    .catch(() => undefined)
    .then(() => {
      overlay.stop().catch(() => undefined);
      fleet.sim.schedule(SECOND, () => process.kill());
    });
}

export const M14: Scenario = {
  id: 'M-14',
  title: 'ten thousand strange peer ids: what an indexer remembers (bytes are measured with a process)',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const strangers = isQuick ? 1_000 : 10_000;
    const fleet = stage({ seed, indexers: 1, nodes: 10, seedIndexers: 1, settings: { maxNodes: 100 } });
    const report = new Report();
    await untilHealthy(fleet, 1);
    await fleet.sim.runFor(2 * MINUTE);
    const indexer = at(fleet.indexers(), 0);
    const sizes = (): Readonly<Record<string, number>> => indexer.daemon.indexer?.agent.counts() ?? {};
    const total = (): number => Object.values(sizes()).reduce((sum, size) => sum + size, 0);
    const before = total();
    const most: Record<string, number> = {};
    let healthy = 10;
    for (let index = 0; index < strangers; index++) {
      visit(fleet, indexer, index);
      if (index % 25 !== 24) continue;
      await fleet.sim.runFor(SECOND);
      for (const [name, size] of Object.entries(sizes())) most[name] = Math.max(most[name] ?? 0, size);
      healthy = Math.min(healthy, fleet.nodes().filter((node) => node.daemon.pool.healthyCount >= 1).length);
    }
    report.figure('nodes that kept their indexer', healthy, 'nodes', { atLeast: 10 });
    report.figure('records, most', most['records'], '', { atMost: 100 });
    report.figure('states of behaviour, most', most['behaviour'], '', { atMost: 1_000 });
    report.note(
      `most of each: ${Object.entries(most)
        .map(([name, size]) => `${name} ${size}`)
        .join(', ')}`,
    );
    await fleet.sim.runFor(HOUR);
    report.figure('what is remembered an hour later, over the time before', total() / before, '', {
      atMost: 1.2,
    });
    fleet.dispose();
    return report.of(fleet);
  },
};
