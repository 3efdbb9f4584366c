import type { ProbeFigures } from '../scoring/quick-score.ts';
import type { AddrInfo, Heartbeat } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeHeartbeatResponse } from '../wire/schemas.ts';
import type { PoolState } from './pool-state.ts';

/**
 * Asks a candidate for its figures without becoming one of its nodes (14.5 step 5, F:27). Undefined when it has no slot
 * or refuses us: it would do so again. Never rejects.
 */
export async function probeCandidate(
  state: PoolState,
  candidate: AddrInfo,
): Promise<ProbeFigures | undefined> {
  const { context, signal } = state;
  const { constants, overlay, clock, self } = context;
  const startedAt = state.now();
  const left = (limitMs: number): { timeoutMs: number; signal: AbortSignal } => ({
    timeoutMs: Math.max(1, Math.min(limitMs, startedAt + constants.candidateProbeMs - state.now())),
    signal,
  });
  let rttMs: number | undefined;
  try {
    const stream = await overlay.open(candidate, PROTOCOLS.heartbeat, left(constants.candidateProbeMs));
    const sentAt = state.now();
    // Without an answer, the time that it took to connect is all we know of the way.
    rttMs = sentAt - startedAt;
    try {
      const probe: Heartbeat = {
        peer_id: self,
        timestamp: Math.floor(clock.now() / 1000),
        indexers_binded: [],
        probe: true,
      };
      await stream.write(probe, left(constants.candidateProbeWriteMs));
      const value = await stream.read({
        ...left(constants.candidateProbeReadMs),
        maxBytes: FRAME_LIMITS.heartbeatResponse,
      });
      const response = value === undefined ? undefined : decodeHeartbeatResponse(value);
      if (response === undefined) return { isConnected: true, rttMs, fillRate: undefined };
      if (response.error !== undefined || response.fill_rate >= 1) return undefined;
      return { isConnected: true, rttMs: state.now() - sentAt, fillRate: response.fill_rate };
    } finally {
      stream.reset();
    }
  } catch {
    return { isConnected: rttMs !== undefined, rttMs, fillRate: undefined };
  }
}
