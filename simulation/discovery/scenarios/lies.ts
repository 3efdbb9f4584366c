/** F9, F10, M-06, M-09, M-12 and the cliques: liars against honest pools. */

import type { RoleName } from '../adversaries/roles.ts';
import type { Fleet } from '../fleet.ts';
import type { Member } from '../member.ts';
import { quantile, Report, type Scenario, type ScenarioOptions, type ScenarioResult } from './result.ts';
import { hasInPool, MINUTE, SECOND, stage, untilHealthy } from './setup.ts';

/** Minutes within which a role must be out of the pools (M-06). */
const LIMITS: Readonly<Partial<Record<RoleName, number>>> = {
  silent: 10,
  lazy: 10,
  'denies-own-id': 10,
  'no-dht': 20,
  'two-faces': 10,
  'invents-peers': 15,
  'false-witness': 20,
  'on-off': 30,
  replay: 20,
};

interface Exposure {
  /** Milliseconds from the entry into a pool to the eviction; Infinity while it lasts. */
  readonly stays: readonly number[];
  /** Share of the honest pools that are free of liars at the end. */
  readonly free: number;
  readonly had: number;
  readonly worstScore: number;
  readonly honestEvictions: number;
}

/** Lets liars do their work for a while, and sees how long they last. */
async function expose(fleet: Fleet, liars: readonly Member[], minutes: number): Promise<Exposure> {
  const entered = new Map<string, number>();
  const stays = new Map<string, number>();
  let honestEvictions = 0;
  const isLiar = new Set(liars);
  const key = (node: Member, liar: Member): string => `${node.name} ${liar.name}`;
  const enter = (node: Member, liar: Member): void => {
    if (!entered.has(key(node, liar))) entered.set(key(node, liar), Math.max(fleet.sim.now, liar.startedAt));
  };
  fleet.onEvent((member, event) => {
    if (!member.spec.isNode || !member.isHonest) return;
    if (event.topic !== 'pool.evicted' && event.topic !== 'score.updated') return;
    const other = fleet.memberOf(event.payload.peer);
    if (other === undefined) return;
    if (event.topic === 'score.updated') {
      if (isLiar.has(other)) enter(member, other);
    } else if (!isLiar.has(other)) honestEvictions += 1;
    else stays.set(key(member, other), fleet.sim.now - (entered.get(key(member, other)) ?? fleet.sim.now));
  });
  await fleet.sim.runFor(minutes * MINUTE);
  const nodes = fleet.runningNodes();
  let worstScore = 0;
  for (const node of nodes) {
    for (const { peer, score } of node.daemon.pool.view()) {
      const member = fleet.memberOf(peer);
      if (member !== undefined && isLiar.has(member)) worstScore = Math.max(worstScore, score ?? 0);
    }
  }
  const free = nodes.filter((node) => !liars.some((liar) => hasInPool(node, liar))).length;
  return {
    stays: [...entered.keys()].map((each) => stays.get(each) ?? Infinity),
    free: free / nodes.length,
    had: entered.size,
    worstScore,
    honestEvictions,
  };
}

interface Trial {
  readonly role: RoleName;
  readonly liars: number;
  readonly honest?: number;
  readonly nodes?: number;
  readonly minutes: number;
  readonly isOneSubnet?: boolean;
}

/** A fleet that is at rest, then liars that everybody meets. */
async function trial(
  options: ScenarioOptions,
  { role, liars, ...rest }: Trial,
): Promise<{ fleet: Fleet } & Exposure> {
  const fleet = stage({ seed: options.seed, indexers: rest.honest ?? 5, nodes: rest.nodes ?? 20 });
  const group = fleet.addIndexers({
    count: liars,
    prefix: role,
    role,
    clique: role,
    ...(rest.isOneSubnet === true && { isOneSubnet: true }),
  });
  fleet.startAll({ withinMs: 2_000, members: group });
  await untilHealthy(fleet, 1);
  const exposure = await expose(fleet, group, rest.minutes);
  fleet.dispose();
  return { fleet, ...exposure };
}

function minutesOf(ms: number): number {
  return ms / MINUTE;
}

async function roleScenario(options: ScenarioOptions, roles: readonly RoleName[]): Promise<ScenarioResult> {
  const report = new Report();
  const fleets: Fleet[] = [];
  for (const role of roles) {
    const limit = LIMITS[role] ?? 30;
    const result = await trial(options, { role, liars: 1, honest: 5, minutes: limit + 5 });
    fleets.push(result.fleet);
    report.figure(`${role}: pools that had it`, result.had, 'pools', { atLeast: 1 });
    report.figure(`${role}: out after, p95`, minutesOf(quantile(result.stays, 0.95)), 'min', {
      atMost: limit,
    });
    report.figure(`${role}: out after, p50`, minutesOf(quantile(result.stays, 0.5)), 'min');
    report.figure(`${role}: honest pools free of it`, result.free, 'share', { atLeast: 0.95 });
    report.figure(`${role}: evictions of honest indexers`, result.honestEvictions, '', { atMost: 2 });
  }
  return report.of(...fleets);
}

export const F9: Scenario = {
  id: 'F9',
  title: 'an indexer that answers and keeps nothing',
  isQuick: true,
  run: (options) => roleScenario(options, ['lazy']),
};

export const M06: Scenario = {
  id: 'M-06',
  title: 'time until a lie is found out',
  isQuick: false,
  run: (options) => roleScenario(options, ['denies-own-id', 'no-dht', 'two-faces', 'invents-peers']),
};

export const ROLES: Scenario = {
  id: 'roles',
  title: 'every other liar',
  isQuick: false,
  run: (options) => roleScenario(options, ['silent', 'lazy', 'false-witness', 'on-off', 'replay']),
};

export const F10: Scenario = {
  id: 'F10',
  title: 'identity thief (M-09)',
  isQuick: true,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 3, nodes: 5 });
    const report = new Report();
    await untilHealthy(fleet, 3);
    await fleet.sim.runFor(MINUTE);
    const victim = fleet.nodes()[0] as Member;
    const [thief] = fleet.addNodes({
      count: 1,
      prefix: 'thief',
      role: 'thief',
      seeds: () => fleet.indexers().slice(0, 3),
    });
    if (thief === undefined) throw new Error('no thief');
    let strikes = 0;
    let thiefStrikes = 0;
    let refusedFirst: string | undefined;
    fleet.onEvent((member, event) => {
      if (event.topic === 'behaviour.strike') {
        if (event.payload.peer === victim.peer) strikes += 1;
        if (event.payload.peer === thief.peer) thiefStrikes += 1;
      }
      if (member === thief && event.topic === 'heartbeat.outcome') refusedFirst ??= event.payload.outcome;
    });
    thief.start();
    let down = 0;
    const end = fleet.sim.now + (isQuick ? 4 : 10) * MINUTE;
    while (fleet.sim.now < end) {
      await fleet.sim.runFor(SECOND);
      if (victim.daemon.pool.healthyCount < 3) down += 1;
    }
    report.figure('strikes of the victim', strikes, '', { atMost: 0 });
    report.figure('seconds in which the victim missed an indexer', down, 's', { atMost: 0 });
    report.figure('strikes of the thief', thiefStrikes, '', { atLeast: 3 });
    report.must('refused at once', refusedFirst !== 'ok');
    const indexed = fleet
      .indexers()
      .filter((each) => each.daemon.indexer?.agent.table.has(thief.peer) === true).length;
    report.figure('indexers that hold a record of the thief', indexed, '', { atMost: 0 });
    fleet.dispose();
    return report.of(fleet);
  },
};

export const REKEYING: Scenario = {
  id: 'rekeying',
  title: 'a liar that comes back with a new key every five minutes',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const fleet = stage({ seed, indexers: 5, nodes: 20 });
    const report = new Report();
    const [liar] = fleet.addIndexers({ count: 1, prefix: 'rekeying', role: 'lazy' });
    if (liar === undefined) throw new Error('no liar');
    liar.start();
    await untilHealthy(fleet, 1);
    let samples = 0;
    let infected = 0;
    const rounds = isQuick ? 4 : 12;
    for (let round = 0; round < rounds; round++) {
      for (let second = 0; second < 300; second += 10) {
        await fleet.sim.runFor(10 * SECOND);
        for (const node of fleet.nodes()) {
          samples += 1;
          if (node.daemon.pool.entry(liar.peer)?.isHealthy === true) infected += 1;
        }
      }
      if (round < rounds - 1) liar.rekey();
    }
    report.figure('pools that held it, over time', infected / samples, 'share');
    report.figure('keys used', rounds, '');
    report.figure(
      'pools with an honest healthy indexer',
      fleet.nodes().filter((node) => node.daemon.pool.healthyCount >= 1).length / fleet.nodes().length,
      'share',
      { atLeast: 1 },
    );
    fleet.dispose();
    return report.of(fleet);
  },
};

export const CLIQUES: Scenario = {
  id: 'cliques',
  title: 'colluding cliques of 10 to 45 %, and the worst score that they can keep',
  isQuick: false,
  run: async (options) => {
    const report = new Report();
    const fleets: Fleet[] = [];
    const total = 20;
    const shares = options.isQuick ? [0.3] : [0.1, 0.2, 0.3, 0.45];
    // Members replace one another in the pools, so it takes longer than the time for one liar.
    const minutes = options.minutes ?? 45;
    for (const role of ['clique', 'careful-clique'] as const) {
      for (const share of shares) {
        const liars = Math.round(total * share);
        const result = await trial(options, { role, liars, honest: total - liars, nodes: 30, minutes });
        fleets.push(result.fleet);
        const name = `${role} of ${Math.round(share * 100)} %`;
        const isBound = role === 'clique';
        const found = result.stays.filter((stay) => Number.isFinite(stay));
        const outAfter = minutesOf(quantile(found, 0.95));
        report.figure(
          `${name}: out after, p95 of those that were found out`,
          outAfter,
          'min',
          isBound ? { atMost: 20 } : {},
        );
        // Beyond a third there are not enough honest indexers to fill the pools.
        const goal = isBound && share <= 0.3 ? { atLeast: 0.95 } : {};
        report.figure(`${name}: honest pools free of it`, result.free, 'share', goal);
        report.figure(`${name}: worst score kept`, result.worstScore, 'of 100');
        report.figure(`${name}: evictions of honest indexers`, result.honestEvictions, '');
      }
    }
    return report.of(...fleets);
  },
};

export const M12: Scenario = {
  id: 'M-12',
  title: 'sybil indexers in one /24',
  isQuick: false,
  run: async ({ seed, isQuick }) => {
    const sybils = isQuick ? 15 : 30;
    const fleet = stage({ seed, indexers: 5, nodes: 20 });
    const report = new Report();
    const swarm = fleet.addIndexers({
      count: sybils,
      prefix: 'sybil',
      role: 'lazy',
      clique: 'sybil',
      isOneSubnet: true,
    });
    fleet.startAll({ withinMs: 2_000, members: swarm });
    const isSybil = new Set(swarm);
    const shares = (): number[] =>
      fleet.nodes().map((node) => {
        const pool = node.daemon.pool.view();
        const lying = pool.filter(({ peer }) => {
          const member = fleet.memberOf(peer);
          return member !== undefined && isSybil.has(member);
        });
        return pool.length < 4 ? 0 : lying.length / pool.length;
      });
    await untilHealthy(fleet, 1);
    let worst = 0;
    for (let second = 0; second < 30 * 60; second += 10) {
      await fleet.sim.runFor(10 * SECOND);
      worst = Math.max(worst, ...shares());
    }
    const end = shares();
    report.figure('highest sybil share of a pool of 4 or more, ever', worst, 'share', { atMost: 0.5 });
    report.figure('highest after 30 min', Math.max(...end), 'share');
    report.figure('mean after 30 min', end.reduce((sum, share) => sum + share, 0) / end.length, 'share', {
      atMost: 0.1,
    });
    fleet.dispose();
    return report.of(fleet);
  },
};
