/** Finding the first peers of the table (coordination spec 17.7): in batches of 8, enough with 4, at most 32. */

import type { PeerTarget, Random } from '@muster/core';
import { normalizePeerId } from '../content-key.ts';
import { convergenceTarget } from '../health/health-score.ts';
import type { ClusterNode } from '../types.ts';

const BATCH = 8;
const ENOUGH = 4;
const MAX_DIALS = 32;
const HURRIED_MS = 60_000;
const HURRIED_INTERVAL_MS = 5_000;
const INTERVAL_MS = 30_000;
const REST_INTERVAL_MS = 300_000;

/** One entry a peer, with all its addresses; those without a peer id are left out. */
export function targetsOfMultiaddrs(addresses: readonly string[]): readonly PeerTarget[] {
  const found = new Map<string, string[]>();
  for (const text of addresses) {
    const match = /^(\/.+)\/p2p\/([^/]+)$/.exec(text.trim());
    const id = normalizePeerId(match?.[2] ?? '');
    if (id === undefined) continue;
    const known = found.get(id) ?? [];
    found.set(id, known);
    known.push(match?.[1] ?? '');
  }
  return [...found].map(([id, list]) => ({ id, addresses: [...new Set(list)] }));
}

/** The members of a bootstrap view, without ourselves. */
export function targetsOfMembers(
  nodes: readonly ClusterNode[],
  self: string,
  ownPeer: string,
): readonly PeerTarget[] {
  const targets: PeerTarget[] = [];
  for (const node of nodes) {
    if (node.id === self) continue;
    const id = normalizePeerId(node.peerId) ?? targetsOfMultiaddrs(node.p2pAddrs)[0]?.id;
    if (id === undefined || id === ownPeer) continue;
    targets.push({ id, addresses: node.p2pAddrs.map((address) => address.replace(/\/p2p\/[^/]+$/, '')) });
  }
  return targets;
}

/** Dials in batches until enough have answered. Resolves with the number of those. */
export async function bootstrapPass(
  targets: readonly PeerTarget[],
  dial: (batch: readonly PeerTarget[]) => Promise<number>,
  random: Random,
): Promise<number> {
  const shuffled = shuffle(targets, random).slice(0, MAX_DIALS);
  let answered = 0;
  for (let start = 0; start < shuffled.length; start += BATCH) {
    const inBatch = await dial(shuffled.slice(start, start + BATCH));
    answered += inBatch;
    if (inBatch >= ENOUGH) break;
  }
  return answered;
}

export interface BootstrapState {
  readonly uptimeMs: number;
  readonly tableSize: number;
  readonly viewSize: number;
  /** Since the end of the last pass; undefined before the first. */
  readonly sinceLastMs: number | undefined;
}

/** Whether the members are to be dialled now: often at first, then until the table is large enough, then now and again. */
export function isPassDue({ uptimeMs, tableSize, viewSize, sinceLastMs }: BootstrapState): boolean {
  if (viewSize < 2) return false;
  if (sinceLastMs === undefined) return true;
  const isConverged = tableSize >= convergenceTarget(viewSize);
  if (isConverged) return sinceLastMs >= REST_INTERVAL_MS;
  return sinceLastMs >= (uptimeMs < HURRIED_MS ? HURRIED_INTERVAL_MS : INTERVAL_MS);
}

function shuffle<T>(items: readonly T[], random: Random): T[] {
  const shuffled = [...items];
  for (let index = shuffled.length - 1; index > 0; index -= 1) {
    const other = random.integer(index + 1);
    [shuffled[index], shuffled[other]] = [shuffled[other] as T, shuffled[index] as T];
  }
  return shuffled;
}
