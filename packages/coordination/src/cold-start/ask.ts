/**
 * Asking a node to pull (coordination spec 10.6). An error of the call says nothing about whether the request has arrived, and
 * going on to the next node would add a reader at the origin; so the same node is looked at again first. Asking it twice is
 * safe, because it deduplicates.
 */

import type { FailureClass, PleasePullResult, PullIntent } from '../types.ts';
import type { CascadeContext } from './context.ts';
import type { ColdStartRequest } from './resolution.ts';

export type AskOutcome =
  | { readonly kind: 'accepted'; readonly hasCached: boolean }
  | {
      readonly kind: 'failed';
      readonly failureClass: FailureClass;
      readonly cooldownUntil: number | undefined;
    }
  | { readonly kind: 'declined' }
  | { readonly kind: 'gone' };

/** Asks the node, or ourselves. Rejects only with the reason of the signal. */
export async function askToPull(
  context: CascadeContext,
  request: ColdStartRequest,
  nodeId: string,
  signal: AbortSignal,
): Promise<AskOutcome> {
  try {
    return await pleasePull(context, request, nodeId, signal);
  } catch (error) {
    signal.throwIfAborted();
    context.parts.logger.debug({ node_id: nodeId, err: error }, 'please_pull failed; looking again');
  }
  try {
    const seen = outcomeOfIntent(await context.intent(nodeId, request.digest, signal));
    return seen ?? (await pleasePull(context, request, nodeId, signal));
  } catch (error) {
    signal.throwIfAborted();
    context.parts.logger.debug({ node_id: nodeId, err: error }, 'the node is given up');
    return { kind: 'gone' };
  }
}

async function pleasePull(
  context: CascadeContext,
  request: ColdStartRequest,
  nodeId: string,
  signal: AbortSignal,
): Promise<AskOutcome> {
  const { digest, kind, registry, repository, trigger = 'mirror' } = request;
  const job = { registry, repository, kind };
  const results = await context.ask(nodeId, signal, {
    remote: async (coordinator, limits) => coordinator.pleasePull(nodeId, job, [digest], limits),
    own: async (local, limits) => local.startLocalPull({ ...job, trigger }, [digest], limits),
  });
  const result = results.find((candidate) => candidate.digest === digest);
  if (result?.outcome === 'started' && nodeId !== context.self) {
    context.watch.started(nodeId, result.startedAt, context.parts.clock.now());
  }
  return outcomeOfResult(result);
}

function outcomeOfResult(result: PleasePullResult | undefined): AskOutcome {
  switch (result?.outcome) {
    case 'started':
    case 'already_pulling':
      return { kind: 'accepted', hasCached: false };
    case 'recently_failed': {
      const { failureClass, cooldownUntil } = result;
      return { kind: 'failed', failureClass, cooldownUntil };
    }
    default:
      return { kind: 'declined' };
  }
}

/** Undefined when the node does nothing about the digest. */
function outcomeOfIntent(intent: PullIntent): AskOutcome | undefined {
  const { hasCached, inFlight, recentlyFailed, failureClass, cooldownUntil } = intent;
  if (hasCached || inFlight) return { kind: 'accepted', hasCached };
  return recentlyFailed ? { kind: 'failed', failureClass, cooldownUntil } : undefined;
}
