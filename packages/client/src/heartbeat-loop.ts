import type { Beat } from './calls/directory-types.ts';
import type { NodeCallOptions } from './calls/exchange.ts';
import { type Environment, jittered, pause } from './environment.ts';
import { isTransient, refusalOf } from './errors.ts';
import { fraction, integer } from './options.ts';

/** Options of `heartbeatLoop`. */
export interface HeartbeatLoopOptions {
  /** @default the client's nodeId at each beat */
  readonly nodeId?: number;
  /** Pause between heartbeats. A node is taken for offline after 180 s without one. @default 60000 */
  readonly intervalMs?: number;
  /** Largest part of the pause that chance takes off, 0 to 1. @default 0.1 */
  readonly jitter?: number;
  /**
   * Hears of each failure, and of how many there were in a row. The loop goes on: soon after failures that pass by
   * themselves, else with the next beat. This is the place to register again when the registry has forgotten the node
   * (`refusalOf(error)?.code === 'not_found'`).
   */
  readonly onFailure: (error: Error, consecutiveFailures: number) => void;
  /** Hears of each heartbeat that was taken. */
  readonly onBeat?: (beat: Beat) => void;
  /** Stops the loop. */
  readonly signal?: AbortSignal;
}

/** What a loop asks. */
export interface HeartbeatSource {
  heartbeat(options: NodeCallOptions): Promise<Beat>;
}

/** The pause after the first failure; it doubles up to the interval. */
const FIRST_RETRY_MS = 1000;

/** Keeps a node alive until it is stopped. It begins at once, and keeps the process running. */
export class HeartbeatLoop {
  readonly #source: HeartbeatSource;
  readonly #environment: Environment;
  readonly #options: HeartbeatLoopOptions;
  readonly #intervalMs: number;
  readonly #jitter: number;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  #failures = 0;
  #lastBeat: Beat | undefined;

  constructor(
    source: HeartbeatSource,
    environment: Environment,
    options: HeartbeatLoopOptions,
    closing: AbortSignal,
  ) {
    this.#source = source;
    this.#environment = environment;
    this.#options = options;
    this.#intervalMs = integer('intervalMs', options.intervalMs, 60_000, 1, 2_000_000_000);
    this.#jitter = fraction('jitter', options.jitter, 0.1);
    const outer = options.signal === undefined ? closing : AbortSignal.any([closing, options.signal]);
    this.#done = this.#run(AbortSignal.any([outer, this.#stopping.signal]));
  }

  /** The last heartbeat that was taken. */
  get lastBeat(): Beat | undefined {
    return this.#lastBeat;
  }

  /** Failures since the last heartbeat that was taken. */
  get consecutiveFailures(): number {
    return this.#failures;
  }

  /** Stops. Resolves when nothing of the loop is left; no callback is called after that. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(stop: AbortSignal): Promise<void> {
    const { nodeId, onBeat, onFailure } = this.#options;
    while (!stop.aborted) {
      let waitMs = jittered(this.#environment, this.#intervalMs, this.#jitter);
      try {
        const beat = await this.#source.heartbeat({
          signal: stop,
          ...(nodeId === undefined ? {} : { nodeId }),
        });
        this.#failures = 0;
        this.#lastBeat = beat;
        tell(() => onBeat?.(beat));
      } catch (error) {
        if (stop.aborted) return;
        this.#failures++;
        tell(() => onFailure(error as Error, this.#failures));
        if (isTransient(error)) waitMs = this.#retryDelayMs(error);
      }
      await pause(this.#environment, waitMs, stop);
    }
  }

  #retryDelayMs(error: unknown): number {
    const doubledMs = FIRST_RETRY_MS * 2 ** Math.min(this.#failures - 1, 30);
    const backOffMs = jittered(this.#environment, Math.min(this.#intervalMs, doubledMs), 0.5);
    return Math.max(backOffMs, refusalOf(error)?.retryAfterMs ?? 0);
  }
}

/** Calls a callback of the program. What it throws is the program's to handle and must not end the loop. */
function tell(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
