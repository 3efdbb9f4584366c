/** Publishing our own record (P4, discovery spec 15.2). */

import { errorCode } from '@muster/core';
import type { DiscoveryContext } from '../context.ts';
import { discoveryErrors } from '../errors.ts';
import type { AddrInfo, WireErrorCode } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodePublishAck } from '../wire/schemas.ts';
import { ownRecord } from './own-record.ts';

/** `assumed`: the stream was closed in order without an answer, as old indexers do it (8.6). */
type PublishOutcome = 'acknowledged' | 'assumed' | 'failed' | { readonly refused: WireErrorCode };

/** What became of a claim. `acks` counts indexers that took the record, or closed in order. */
export interface ClaimResult {
  readonly asked: number;
  readonly acks: number;
}

/**
 * Publishes our record to the indexers, in parallel, 10 s each. One that finds it expired gets a fresh one, once.
 *
 * @throws NO_INDEXER when there is none, or none has taken it.
 */
export async function publishClaim(
  context: DiscoveryContext,
  indexers: readonly AddrInfo[],
): Promise<ClaimResult> {
  const outcomes = await Promise.all(
    indexers.map(async (indexer) => {
      const outcome = await publish(context, indexer);
      const isStale = typeof outcome === 'object' && outcome.refused === 'expired';
      return isStale ? await publish(context, indexer) : outcome;
    }),
  );
  const result: ClaimResult = {
    asked: outcomes.length,
    acks: outcomes.filter((outcome) => outcome === 'acknowledged' || outcome === 'assumed').length,
  };
  context.events.publish('claim.published', result);
  if (result.acks > 0) return result;
  const codes = outcomes.map((outcome) => (typeof outcome === 'object' ? outcome.refused : outcome));
  throw discoveryErrors.create('NO_INDEXER', 'no indexer has taken our record', {
    details: { asked: result.asked, codes },
  });
}

async function publish(context: DiscoveryContext, indexer: AddrInfo): Promise<PublishOutcome> {
  const { clock, constants, logger, overlay, signal } = context;
  const endsAt = clock.monotonic() + constants.publishClientMs;
  const left = () => ({ timeoutMs: Math.max(1, endsAt - clock.monotonic()), signal });
  try {
    const stream = await overlay.open(indexer, PROTOCOLS.publish, left());
    try {
      await stream.write(ownRecord(context, constants.claimRecordTtlMs), left());
      await stream.closeWrite();
      const value = await stream.read({ ...left(), maxBytes: FRAME_LIMITS.publishAck });
      const ack = value === undefined ? undefined : decodePublishAck(value);
      await stream.close();
      if (ack === undefined) return 'assumed';
      return ack.ok ? 'acknowledged' : { refused: ack.error?.code ?? 'internal' };
    } catch (error) {
      stream.reset();
      throw error;
    }
  } catch (error) {
    logger.debug({ peer: indexer.ID, code: errorCode(error) }, 'publishing our record failed');
    return 'failed';
  }
}
