/**
 * `muster demo liar`: an indexer joins that lies, and is found out. It is a real indexer whose answers are altered (see
 * `fleet/liar.ts`): first it tells the truth, then it denies its nodes, finds nothing, and tells everybody something else. Its score is
 * shown as the honest peers measure it, term by term, until it is out of their pools.
 */
import type { FleetMember } from '../fleet/fleet-file.ts';
import { checkLiar, LIAR_OUT_SHARE } from './checks.ts';
import type { FleetControl, PoolReport, ScoreSight, ScoreWatch, TermSight } from './ports.ts';
import type { Script, Story } from './story.ts';
import { membersOf, wholeFleet } from './whole.ts';

export interface LiarPorts {
  readonly control: FleetControl;
  readonly watch: ScoreWatch;
  /** Name of the liar: one that it never had before, since whoever was convicted is remembered for a while. */
  readonly name: string;
  /** How long it may take until it is out. @default 90000 */
  readonly withinMs?: number;
}

const DEFAULT_WITHIN_MS = 90_000;
/** How long the pools may take to be whole before the liar comes. */
const SETTLE_MS = 30_000;

export function liar(ports: LiarPorts): Script {
  return async (story) => {
    const { control, withinMs = DEFAULT_WITHIN_MS } = ports;
    const fleet = await wholeFleet(story, control);
    const indexers = membersOf(fleet, 'indexer', 2);
    const honest = [...indexers, ...membersOf(fleet, 'node')];
    const honestIndexers = new Map(indexers.map(({ peerId = '', name }) => [peerId, name]));
    const before = await settled(story, ports, honest, honestIndexers);
    story.step(
      `${honest.length} honest peers trust ${indexers.map(({ name }) => name).join(' and ')}. An indexer that lies joins.`,
    );
    const { name, peerId = '' } = await control.add({ role: 'indexer', name: ports.name, misbehave: 'lie' });
    story.undo(`removing ${name}`, () => control.remove(name));
    const joinedAt = story.now();
    story.step(`${name} runs, process of its own, peer id …${peerId.slice(-8)}.`);

    const trial = new Trial(story, ports, { peerId, honest, honestIndexers });
    await story.until(withinMs, () => trial.look());
    story.figure('outAfterMs', story.now() - joinedAt);
    // A machine that is too busy for a moment makes heartbeats fail; that is no blame, and mends itself.
    await story.until(SETTLE_MS, () => trial.isWhole(before));
    story.figure('honestPools', honest.length);
    story.figure('highestScore', trial.highest ?? 'none');
    story.figure('lowestScore', trial.lowest ?? 'none');
    story.check(
      ...checkLiar({
        liar: peerId,
        hadIt: trial.hadIt,
        pools: trial.pools,
        honestIndexers,
        before,
        wronged: trial.wronged,
      }),
    );
  };
}

/** Waits until each honest pool has the honest indexers, and tells which each has when the time is over. */
async function settled(
  story: Story,
  { watch }: LiarPorts,
  honest: readonly FleetMember[],
  indexers: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  let pools: readonly PoolReport[] = [];
  await story.until(SETTLE_MS, async () => {
    pools = await Promise.all(honest.map((member) => watch.pool(member)));
    const isWhole = pools.every(({ member, entries }) => {
      const own = honest.find(({ name }) => name === member)?.peerId;
      const others = [...indexers.keys()].filter((peerId) => peerId !== own);
      return others.every((peerId) => entries.some((entry) => entry.peerId === peerId && entry.isHealthy));
    });
    return isWhole ? pools : undefined;
  });
  return new Map(
    pools.map(({ member, entries }) => [
      member,
      entries.map(({ peerId }) => peerId).filter((peerId) => indexers.has(peerId)),
    ]),
  );
}

interface Accused {
  readonly peerId: string;
  readonly honest: readonly FleetMember[];
  readonly honestIndexers: ReadonlyMap<string, string>;
}

/** What the honest pools hold, look by look. */
class Trial {
  readonly hadIt = new Set<string>();
  readonly wronged = new Map<string, string>();
  pools: readonly PoolReport[] = [];
  highest: number | undefined;
  lowest: number | undefined;
  readonly #story: Story;
  readonly #watch: ScoreWatch;
  readonly #accused: Accused;
  readonly #out = new Set<string>();
  readonly #told = new Map<string, string>();
  #teller: string | undefined;

  constructor(story: Story, { watch }: LiarPorts, accused: Accused) {
    this.#story = story;
    this.#watch = watch;
    this.#accused = accused;
  }

  /** True when it is out of enough pools that had it, and in none of the others; undefined till then. */
  async look(): Promise<true | undefined> {
    const { honest, peerId, honestIndexers } = this.#accused;
    this.pools = await Promise.all(honest.map((member) => this.#watch.pool(member)));
    for (const { member, entries, convicted } of this.pools) {
      if (entries.some((entry) => entry.peerId === peerId)) this.hadIt.add(member);
      for (const { peerId: blamed, evidence } of convicted) {
        if (honestIndexers.has(blamed)) this.wronged.set(blamed, `${evidence} (${member})`);
        if (blamed === peerId) this.#tellOut(member, evidence);
      }
    }
    await this.#tellScores();
    const isOut = this.#out.size >= honest.length * LIAR_OUT_SHARE;
    return isOut ? true : undefined;
  }

  /** True when every honest pool has the honest indexers that it had before. */
  async isWhole(before: ReadonlyMap<string, readonly string[]>): Promise<true | undefined> {
    await this.look();
    const isWhole = this.pools.every(({ member, entries }) =>
      (before.get(member) ?? []).every((wanted) => entries.some(({ peerId }) => peerId === wanted)),
    );
    return isWhole ? true : undefined;
  }

  #tellOut(member: string, evidence: string): void {
    this.hadIt.add(member);
    if (this.#out.has(member)) return;
    this.#out.add(member);
    this.#story.step(`${member} puts it out: ${evidence}.`);
  }

  /** The story is told by one peer at a time, as long as that has it; figures are of all. */
  async #tellScores(): Promise<void> {
    const { honest, peerId } = this.#accused;
    const holders = this.pools.filter(({ entries }) => entries.some((entry) => entry.peerId === peerId));
    for (const { entries } of holders) this.#note(entries.find((entry) => entry.peerId === peerId)?.score);
    if (!holders.some(({ member }) => member === this.#teller)) this.#teller = holders.at(-1)?.member;
    const teller = honest.find(({ name }) => name === this.#teller);
    if (teller === undefined) return;
    const sight = await this.#watch.score(teller, peerId);
    if (sight?.score === undefined) return;
    const text = describeScore(sight);
    if (this.#told.get(teller.name) === text) return;
    this.#told.set(teller.name, text);
    this.#story.step(`${teller.name} gives it ${text}`);
  }

  #note(score: number | undefined): void {
    if (score === undefined) return;
    this.highest = Math.max(this.highest ?? score, score);
    this.lowest = Math.min(this.lowest ?? score, score);
  }
}

/** Points that a term must have lost to be told of. */
const WORTH_TELLING = 1;
/** Terms that fall and rise with the load of the machine. */
const RESTLESS: ReadonlySet<string> = new Set(['latency', 'uptime']);

/** `55 of 100: challenge -10 (2 of 4 right), …`; the same text while nothing but the load of the machine changes. */
export function describeScore({ score = 0, restartPenalty = 1, terms }: ScoreSight): string {
  const lost = terms
    .filter(({ name, lostPoints }) => lostPoints >= WORTH_TELLING && !RESTLESS.has(name))
    .map((term) => `${NAMES[term.name] ?? term.name} -${Math.round(term.lostPoints)}${evidenceOf(term)}`);
  if (restartPenalty < 1) lost.push(`changed its time of birth: all × ${restartPenalty.toFixed(1)}`);
  const rounded = 5 * Math.round(score / 5);
  return `about ${rounded} of 100${lost.length === 0 ? '.' : `: ${lost.join(', ')}.`}`;
}

const NAMES: Readonly<Record<string, string>> = {
  challenge: 'wrong answers',
  freeCapacity: 'says it is full',
  fillConsistency: 'figures disagree',
  witness: 'witnesses disagree',
  dht: 'does not find us',
};

/** Which counters are right ones, and of how many. */
const PAIRS: Readonly<Record<string, readonly [good: string, all: string]>> = {
  challenge: ['challengesCorrect', 'challengesChecked'],
  fillConsistency: ['fillConsistent', 'fillChecked'],
  witness: ['witnessesConsistent', 'witnessesChecked'],
  dht: ['dhtSucceeded', 'dhtChecked'],
};

function evidenceOf({ name, evidence }: TermSight): string {
  const [good, all] = PAIRS[name] ?? [];
  if (good === undefined || all === undefined) return '';
  const checked = evidence[all] ?? 0;
  return ` (${rounded(evidence[good] ?? 0)} of ${rounded(checked)} right)`;
}

function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}
