import type { DiscoveryConstants } from '../constants.ts';
import type { PeerId } from '../wire/messages.ts';
import { type Measurement, UNMEASURED } from './measurement.ts';

interface ProbeState {
  /** Heartbeats since the last probe was started; undefined when one is due. */
  heartbeats: number | undefined;
  isRunning: boolean;
  startedAt: number | undefined;
  measurement: Measurement | undefined;
}

type Needs = Pick<DiscoveryConstants, 'probeEveryHeartbeats' | 'probesAtOnce' | 'recommendedMs'>;

/**
 * When which peer is probed (discovery spec 12.4): at the first heartbeat of a session, then at every 15th; never twice
 * at once, and few at once in all. A probe that has no room waits for the peer's next heartbeat. A peer that keeps
 * reconnecting is probed once a minute at most. Holds state of the peers that {@link drop} has not yet named.
 */
export class ProbeSchedule {
  readonly #constants: Needs;
  readonly #states = new Map<PeerId, ProbeState>();
  #running = 0;

  constructor(constants: Needs) {
    this.#constants = constants;
  }

  get size(): number {
    return this.#states.size;
  }

  get running(): number {
    return this.#running;
  }

  /** What is known of the peer: the last successful probe, else {@link UNMEASURED}. */
  measurement(peer: PeerId): Measurement {
    return this.#states.get(peer)?.measurement ?? UNMEASURED;
  }

  /** Counts an accepted heartbeat. True: the caller probes now, and says {@link finish} when it is done. */
  noteHeartbeat(peer: PeerId, isFirstOfSession: boolean, now: number): boolean {
    const state = this.#state(peer);
    if (state.heartbeats !== undefined) state.heartbeats += 1;
    const isRecent = state.startedAt !== undefined && now - state.startedAt < this.#constants.recommendedMs;
    if (isFirstOfSession && !isRecent) state.heartbeats = undefined;
    const isDue = state.heartbeats === undefined || state.heartbeats >= this.#constants.probeEveryHeartbeats;
    if (!isDue || state.isRunning || this.#running >= this.#constants.probesAtOnce) return false;
    state.heartbeats = 0;
    state.isRunning = true;
    state.startedAt = now;
    this.#running += 1;
    return true;
  }

  /** A probe has ended; without a measurement the previous one stays. */
  finish(peer: PeerId, measurement: Measurement | undefined): void {
    this.#running -= 1;
    const state = this.#states.get(peer);
    if (state === undefined) return;
    state.isRunning = false;
    if (measurement !== undefined) state.measurement = measurement;
  }

  /** The peer has left. A probe of it that still runs keeps its place until it ends. */
  drop(peer: PeerId): void {
    this.#states.delete(peer);
  }

  #state(peer: PeerId): ProbeState {
    let state = this.#states.get(peer);
    if (state === undefined) {
      state = { heartbeats: undefined, isRunning: false, startedAt: undefined, measurement: undefined };
      this.#states.set(peer, state);
    }
    return state;
  }
}
