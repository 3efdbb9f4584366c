import type { WitnessReport, PeerId } from '../wire/messages.ts';
import type { FrameStream } from '../overlay/overlay.ts';
import { errorFrame } from '../wire/error-frames.ts';
import { FRAME_LIMITS, PROTOCOLS } from '../wire/protocols.ts';
import { decodeWitnessRequest } from '../wire/schemas.ts';
import { RateWindows } from './rate-windows.ts';
import type { PoolState } from './pool-state.ts';

/** Callers whose windows are kept. */
const MAX_CALLERS = 1_024;

/** Serves P3: says what we know of an indexer (13.7), to anybody, 30 times a minute at most. */
export class WitnessServer {
  readonly #state: PoolState;
  readonly #report: (asked: PeerId) => WitnessReport;
  readonly #windows: RateWindows;

  constructor(state: PoolState, report: (asked: PeerId) => WitnessReport) {
    const { constants } = state.context;
    this.#state = state;
    this.#report = report;
    this.#windows = new RateWindows({
      max: constants.witnessRequestsPerMinute,
      windowMs: constants.behaviourWindowMs,
      maxCallers: MAX_CALLERS,
    });
  }

  start(): void {
    this.#state.context.overlay.handle(PROTOCOLS.witness, (stream) => this.#serve(stream));
  }

  stop(): void {
    this.#state.context.overlay.unhandle(PROTOCOLS.witness);
  }

  async #serve(stream: FrameStream): Promise<void> {
    const { context, signal } = this.#state;
    const { peer } = stream.remote;
    const deadline = { timeoutMs: context.constants.witnessMs, signal };
    try {
      const refusal = this.#refusal(peer);
      if (refusal !== undefined) {
        await stream.write(refusal, deadline);
        await stream.close();
        return;
      }
      const request = decodeWitnessRequest(
        await stream.read({ ...deadline, maxBytes: FRAME_LIMITS.witness }),
      );
      await stream.write(this.#report(request.indexer_peer_id), deadline);
      await stream.close();
      context.events.publish('witness.served', { peer });
    } catch {
      stream.reset();
    }
  }

  #refusal(peer: PeerId): object | undefined {
    if (this.#state.signal.aborted) return errorFrame('shutting_down', 'this peer is shutting down');
    if (this.#state.isBlacklisted(peer)) return errorFrame('blacklisted', 'you are blacklisted here');
    const retryAfterMs = this.#windows.take(peer, this.#state.now());
    if (retryAfterMs === undefined) return undefined;
    return errorFrame('rate_limited', 'too many questions', { retryAfterMs });
  }
}
