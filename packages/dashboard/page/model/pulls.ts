import type { PullView } from '../../src/protocol/fleet-view.ts';

/** Bytes by where they came from. */
export interface SourceBytes {
  readonly origin: number;
  readonly peers: number;
  readonly cache: number;
}

/** All that mirrors did with one object. */
export interface DigestGroup {
  readonly digest: string;
  readonly kind: string;
  readonly size: number | undefined;
  /** Newest first. */
  readonly pulls: readonly PullView[];
  readonly bytes: SourceBytes;
  /** Mirrors that read from the origin. One is what coordination is for. */
  readonly originReaders: number;
  readonly startedAt: number;
  readonly running: number;
  readonly failed: number;
}

/** Everything that is listed, in sum. */
export interface PullTotals extends SourceBytes {
  readonly originReads: number;
  readonly objects: number;
  readonly pulls: number;
}

/** Where the bytes of one pull came from, in three kinds. */
export function bytesOf({ sources }: Pick<PullView, 'sources'>): SourceBytes {
  let [origin, peers, cache] = [0, 0, 0];
  for (const { from, bytes } of sources) {
    if (from === 'origin') origin += bytes;
    else if (from === 'cache') cache += bytes;
    else peers += bytes;
  }
  return { origin, peers, cache };
}

/** Pulls by object; groups in the order in which they began, newest first. `pulls` are newest first. */
export function groupPulls(pulls: readonly PullView[]): readonly DigestGroup[] {
  const byDigest = new Map<string, PullView[]>();
  for (const pull of pulls) {
    const group = byDigest.get(pull.digest);
    if (group === undefined) byDigest.set(pull.digest, [pull]);
    else group.push(pull);
  }
  return [...byDigest].map(([digest, group]) => groupOf(digest, group));
}

function groupOf(digest: string, pulls: readonly PullView[]): DigestGroup {
  const bytes = sum(pulls.map(bytesOf));
  const latest = pulls[0] as PullView;
  return {
    digest,
    kind: latest.kind,
    size: pulls.find(({ size }) => size !== undefined)?.size,
    pulls,
    bytes,
    originReaders: new Set(pulls.filter(readsOrigin).map(({ mirror }) => mirror)).size,
    startedAt: latest.startedAt,
    running: pulls.filter(({ state }) => state === 'running').length,
    failed: pulls.filter(({ state }) => state === 'failed').length,
  };
}

/** The sum of what is listed: what was read from the origin, and what was not thanks to peers and caches. */
export function totalsOf(pulls: Iterable<PullView>): PullTotals {
  const list = [...pulls];
  return {
    ...sum(list.map(bytesOf)),
    originReads: list.filter(readsOrigin).length,
    objects: new Set(list.map(({ digest }) => digest)).size,
    pulls: list.length,
  };
}

function readsOrigin({ sources }: PullView): boolean {
  return sources.some(({ from, bytes }) => from === 'origin' && bytes > 0);
}

function sum(list: readonly SourceBytes[]): SourceBytes {
  let [origin, peers, cache] = [0, 0, 0];
  for (const each of list) {
    origin += each.origin;
    peers += each.peers;
    cache += each.cache;
  }
  return { origin, peers, cache };
}
