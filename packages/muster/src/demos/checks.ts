/** Checkers: plain functions from what was seen to what holds. They know nothing of fleets, and can fail. */
import type { Located } from '@muster/core';
import type {
  FindAnswer,
  ImageObject,
  OriginCounts,
  PoolReport,
  PullResult,
  RegisteredNode,
} from './ports.ts';
import type { Check } from './story.ts';

/** Longest that the overlay may take to answer in place of the registry. */
export const OVERLAY_ANSWER_MS = 1_000;
/** Share of the honest pools that a liar must be out of. */
export const LIAR_OUT_SHARE = 0.95;

/** Makes a check. */
export function check(name: string, passed: boolean, found: string): Check {
  return { name, passed, found };
}

/** The registry has answered with this one peer, as the authority. */
export function checkAuthority(answer: FindAnswer, wanted: { readonly peerId: string }): Check {
  const only = answer.located.length === 1 ? answer.located[0] : undefined;
  return check(
    'The registry answers with this peer, and as the authority',
    only?.peerId === wanted.peerId && only.source === 'registry' && only.proof === 'authority',
    describeAnswer(answer),
  );
}

/** The overlay has answered with this one peer, in time, labelled as what it is, and with a record of the registered key. */
export function checkOverlay(
  answer: FindAnswer,
  wanted: { readonly peerId: string; readonly publicKey: string },
): readonly Check[] {
  const only = answer.located.length === 1 ? answer.located[0] : undefined;
  return [
    check(
      'The overlay answers with this peer',
      only?.peerId === wanted.peerId && only.addresses.length > 0,
      describeAnswer(answer),
    ),
    check(
      `… in less than ${OVERLAY_ANSWER_MS} ms`,
      only !== undefined && answer.ms < OVERLAY_ANSWER_MS,
      `${Math.round(answer.ms)} ms`,
    ),
    check(
      '… labelled with its source, its age and how stale it may be',
      only?.source === 'overlay' && isDuration(only.ageMs) && isDuration(only.stalenessBoundMs),
      only === undefined ? 'nothing' : describeAge(only),
    ),
    check(
      '… with a record that is signed by the registered key',
      only?.proof === 'signed' && Buffer.from(only.publicKey).toString('base64') === wanted.publicKey,
      only === undefined ? 'nothing' : `proof: ${only.proof}`,
    ),
  ];
}

function isDuration(ms: number | undefined): boolean {
  return ms !== undefined && ms >= 0 && Number.isFinite(ms);
}

function describeAnswer({ located, ms }: FindAnswer): string {
  const peers = located.map(({ name, peerId, source }) => `${name ?? peerId} from the ${source}`);
  return `${peers.length === 0 ? 'nobody' : peers.join(', ')} in ${Math.round(ms)} ms`;
}

function describeAge({ source, ageMs, stalenessBoundMs }: Located): string {
  const age = ageMs === undefined ? 'no age' : `${seconds(ageMs)} old`;
  return `${source}, ${age}, at most ${seconds(stalenessBoundMs)} behind`;
}

/** `1.5 s` */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Everybody who was registered before still is, as the same. */
export function checkRoll(before: readonly RegisteredNode[], after: readonly RegisteredNode[]): Check {
  const now = new Map(after.map((node) => [node.nodeId, node]));
  const lost = before.filter(({ nodeId, publicKey }) => now.get(nodeId)?.publicKey !== publicKey);
  const names = lost.map(({ name }) => name).join(', ');
  return check(
    'Nothing that was acknowledged is lost',
    before.length > 0 && lost.length === 0,
    `${before.length} registered before, ${before.length - lost.length} of them after${names === '' ? '' : `; lost: ${names}`}`,
  );
}

/** What became of a liar in the pools of honest members. */
export interface LiarFate {
  readonly liar: string;
  /** Honest members whose pools had it at any time. */
  readonly hadIt: ReadonlySet<string>;
  /** Last look at each honest pool. */
  readonly pools: readonly PoolReport[];
  /** Indexers that do not lie, by peer id, with their names. */
  readonly honestIndexers: ReadonlyMap<string, string>;
  /** Honest indexers in the pool of each member before. */
  readonly before: ReadonlyMap<string, readonly string[]>;
  /** Evidence by which honest members have put honest indexers out, at any time. */
  readonly wronged: ReadonlyMap<string, string>;
}

/** The liar was believed, and is out; nobody else is. */
export function checkLiar(fate: LiarFate): readonly Check[] {
  const { liar, hadIt, pools, honestIndexers, before, wronged } = fate;
  const without = pools.filter(({ entries }) => !entries.some(({ peerId }) => peerId === liar));
  const share = pools.length === 0 ? 0 : without.length / pools.length;
  const convictions = pools.filter(({ convicted }) => convicted.some(({ peerId }) => peerId === liar));
  const missing = pools.flatMap(({ member, entries }) =>
    (before.get(member) ?? [])
      .filter((peerId) => !entries.some((entry) => entry.peerId === peerId))
      .map((peerId) => `${honestIndexers.get(peerId) ?? peerId} from ${member}`),
  );
  const blamed = [...wronged].map(
    ([peerId, evidence]) => `${honestIndexers.get(peerId) ?? peerId}: ${evidence}`,
  );
  return [
    check(
      'The liar was taken in by at least half of the honest peers',
      hadIt.size * 2 >= pools.length && pools.length > 0,
      `${hadIt.size} of ${pools.length}`,
    ),
    check(
      `The liar is out of at least ${LIAR_OUT_SHARE * 100} % of the honest pools`,
      pools.length > 0 && share >= LIAR_OUT_SHARE,
      `out of ${without.length} of ${pools.length}`,
    ),
    check(
      'It was put out on evidence, not by chance',
      hadIt.size > 0 && convictions.length >= hadIt.size * LIAR_OUT_SHARE,
      `evidence against it at ${convictions.length} of the ${hadIt.size} that had it`,
    ),
    check(
      'No honest indexer is blamed or put out',
      blamed.length === 0 && missing.length === 0,
      [...blamed, ...missing.map((each) => `missing: ${each}`)].join('; ') ||
        `all ${honestIndexers.size} stay`,
    ),
  ];
}

/** What the origin was asked for between two counts. */
export interface OriginDelta {
  /** Reads by digest. */
  readonly reads: ReadonlyMap<string, number>;
  readonly mostAtOnce: ReadonlyMap<string, number>;
  readonly bytes: number;
  readonly total: number;
}

export function originDelta(before: OriginCounts, after: OriginCounts): OriginDelta {
  const reads = new Map<string, number>();
  const mostAtOnce = new Map<string, number>();
  let bytes = 0;
  let total = 0;
  for (const [digest, now] of after.reads) {
    const then = before.reads.get(digest);
    const more = now.reads - (then?.reads ?? 0);
    if (more === 0) continue;
    reads.set(digest, more);
    if (now.mostAtOnce !== undefined) mostAtOnce.set(digest, now.mostAtOnce);
    total += more;
    bytes += now.bytes - (then?.bytes ?? 0);
  }
  return { reads, mostAtOnce, bytes, total };
}

/** Exactly one read of each object, and none of anything else. */
export function checkOneRead(name: string, objects: readonly ImageObject[], delta: OriginDelta): Check {
  return checkReads(name, objects, delta, { least: 1, most: 1 });
}

/** Each object was read between `least` and `most` times, and nothing else was read. */
export function checkReads(
  name: string,
  objects: readonly ImageObject[],
  { reads, total }: OriginDelta,
  { least, most }: { readonly least: number; readonly most: number },
): Check {
  const known = new Set(objects.map(({ digest }) => digest));
  const wrong = objects
    .map(({ digest }) => ({ digest, amount: reads.get(digest) ?? 0 }))
    .filter(({ amount }) => amount < least || amount > most)
    .map(({ digest, amount }) => `${digest.slice(0, 19)}… ${amount} times`);
  const surplus = [...reads].filter(([digest]) => !known.has(digest)).map(([digest]) => digest.slice(0, 19));
  const others = surplus.length === 0 ? '' : `; not of this image: ${surplus.join(', ')}`;
  return check(
    name,
    objects.length > 0 && wrong.length === 0 && surplus.length === 0,
    `${total} reads for ${objects.length} digests${wrong.length === 0 ? '' : `; ${wrong.join(', ')}`}${others}`,
  );
}

/** No object was read by two at the same time. */
export function checkNeverTwoAtOnce(objects: readonly ImageObject[], { mostAtOnce }: OriginDelta): Check {
  const most = Math.max(0, ...objects.map(({ digest }) => mostAtOnce.get(digest) ?? 0));
  return check('Never two reads of one digest at the same time', most === 1, `at most ${most} at once`);
}

/** Nothing was read. */
export function checkNoReads(name: string, { total }: OriginDelta): Check {
  return check(name, total === 0, `${total} reads`);
}

/** Everybody who was to pull has the whole image. */
export function checkPulls(
  name: string,
  wanted: number,
  results: readonly PullResult[],
  size: number,
  failures: readonly string[],
): Check {
  const whole = results.filter(({ bytes }) => sum(Object.values(bytes)) === size);
  const told = failures.length === 0 ? '' : `; ${failures.slice(0, 3).join('; ')}`;
  return check(
    name,
    wanted > 0 && whole.length === wanted && failures.length === 0,
    `${whole.length} of ${wanted} have all ${size} bytes${told}`,
  );
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** The middle one of a sorted copy; of an even number the lower of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
