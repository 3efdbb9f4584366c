/**
 * Who pulls an object, seen from a node that was asked to pull it (coordination spec 10.6): members that did not hear the same answers
 * ask different nodes, and each of these would read the origin.
 *
 * Fault model: a node may claim to pull for ever. Only nodes ranked before this one are believed, so that no two wait for one another;
 * what follows from it is bounded by the pump.
 */

import { topK } from '../election/hrw.ts';
import type { ClusterNode, Digest, Provider } from '../types.ts';
import { type CascadeContext, providerOf } from './context.ts';

/**
 * The best of the owners ranked before this node that has the object or pulls it; undefined when none says so. Rejects with the reason
 * of the signal.
 */
export async function betterPuller(
  context: CascadeContext,
  digest: Digest,
  signal: AbortSignal,
): Promise<Provider | undefined> {
  context.observeMembers();
  const owners = topK(context.view.nodes, digest, context.parts.options.hrwK);
  const own = owners.findIndex(({ id }) => id === context.self);
  const before = own === -1 ? owners : owners.slice(0, own);
  const areAtIt = await Promise.all(before.map(async (node) => isAtIt(context, node, digest, signal)));
  const puller = before.find((_, index) => areAtIt[index]);
  return puller === undefined ? undefined : providerOf(puller);
}

async function isAtIt(
  context: CascadeContext,
  node: ClusterNode,
  digest: Digest,
  signal: AbortSignal,
): Promise<boolean> {
  if (context.isUseless(digest, node)) return false;
  try {
    const { hasCached, inFlight } = await context.intent(node.id, digest, signal);
    return hasCached || inFlight;
  } catch {
    signal.throwIfAborted();
    return false;
  }
}
