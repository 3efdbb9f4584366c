import type { PoolEntry } from './pool-entry.ts';
import type { PoolState } from './pool-state.ts';

/** Earlier results that a new one is compared with. */
const KEPT = 8;
/** Share of their median that still is as good. */
const GOOD_SHARE = 0.5;
/** Shortest time that is believed to be spent on the payload. */
const LEAST_MS = 1;

/**
 * The node's own bandwidth probe of an indexer (24.4): an echo of a payload, less the round trip of a heartbeat. It is
 * compared with the median of the earlier ones. One at a time in all, so that probes do not slow each other.
 */
export class BandwidthProbes {
  readonly #state: PoolState;
  readonly #results = new WeakMap<PoolEntry, readonly number[]>();
  #isRunning = false;

  constructor(state: PoolState) {
    this.#state = state;
  }

  /** Starts a probe, unless one runs. */
  start(entry: PoolEntry): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#state.run('bandwidth probe', async () => {
      try {
        await this.#probe(entry);
      } finally {
        this.#isRunning = false;
      }
    });
  }

  async #probe(entry: PoolEntry): Promise<void> {
    const { context, signal, directory } = this.#state;
    const bytes = context.constants.nodeProbeBytes;
    let tookMs: number;
    try {
      tookMs = await context.overlay.echo({ ID: entry.peer, Addrs: entry.addresses }, bytes, {
        timeoutMs: context.constants.bandwidthProbeMs,
        signal,
      });
    } catch {
      // Not everybody serves probes: no evidence.
      context.events.publish('bandwidth.probed', { peer: entry.peer, ok: false });
      return;
    }
    if (!directory.holds(entry)) return;
    const mbps = (2 * bytes * 8) / Math.max(tookMs - (entry.rttMs ?? 0), LEAST_MS) / 1000;
    context.events.publish('bandwidth.probed', { peer: entry.peer, ok: true, mbps });
    const earlier = this.#results.get(entry) ?? [];
    this.#results.set(entry, [...earlier.slice(1 - KEPT), mbps]);
    const median = earlier.toSorted((a, b) => a - b)[Math.floor(earlier.length / 2)];
    if (median === undefined) return;
    const isGood = mbps >= GOOD_SHARE * median;
    entry.confidence.add('bandwidth', isGood);
    context.events.publish('evidence', { peer: entry.peer, kind: 'bandwidth', isGood });
  }
}
