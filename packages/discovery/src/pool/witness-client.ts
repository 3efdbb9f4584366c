import type { AddrInfo, PeerId, WitnessReport } from '../wire/messages.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeWitnessReport, errorOf } from '../wire/schemas.ts';
import type { PoolState } from './pool-state.ts';

/**
 * Asks one peer what it knows of an indexer (P3), `timeoutMs` in all. Undefined when it can not be asked or answers
 * nothing that can be read. Never rejects.
 */
export async function askWitness(
  state: PoolState,
  witness: AddrInfo,
  indexer: PeerId,
  timeoutMs: number,
): Promise<WitnessReport | undefined> {
  const { context, signal } = state;
  const endsAt = state.now() + timeoutMs;
  const left = (): { timeoutMs: number; signal: AbortSignal } => ({
    timeoutMs: Math.max(1, endsAt - state.now()),
    signal,
  });
  try {
    const stream = await context.overlay.open(witness, PROTOCOLS.witness, left());
    try {
      await stream.write({ indexer_peer_id: indexer }, left());
      await stream.closeWrite();
      const value = await stream.read({ ...left(), maxBytes: FRAME_LIMITS.witness });
      if (value === undefined || errorOf(value) !== undefined) {
        stream.reset();
        return undefined;
      }
      const report = decodeWitnessReport(value);
      await stream.close();
      return report;
    } catch {
      stream.reset();
      return undefined;
    }
  } catch {
    return undefined;
  }
}
