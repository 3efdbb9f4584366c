/** Follows the page of a fleet, and comes back when the connection is lost. */
import type { Clock, Random, Timers } from '@muster/core';
import { applyDelta, type FleetDelta, type FleetSnapshot, type FleetState, stateOf } from '@muster/dashboard';
import { fields, number } from '../fleet-view/collect/reading.ts';
import { RETRY_MAX_MS, RETRY_MS } from '../fleet-view/collect/source-loop.ts';
import { askJson, followStream, ServiceTrouble, type StreamEvent } from '../fleet-view/collect/view-http.ts';
import type { Connection } from './top-state.ts';

export interface PageFeedOptions {
  /** `host:port` */
  readonly address: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onState: (fleet: FleetState) => void;
  readonly onConnection: (connection: Connection) => void;
  /** Each event as it came. */
  readonly onEvent?: (event: StreamEvent) => void;
}

/** Follows until the signal is aborted. Never rejects. */
export async function followPage(options: PageFeedOptions): Promise<void> {
  const { signal, clock, timers, random } = options;
  const feed = new PageFeed(options);
  let failures = 0;
  let since: number | undefined;
  while (!signal.aborted) {
    try {
      await feed.follow(() => {
        failures = 0;
        since = undefined;
        options.onConnection({ kind: 'connected' });
      });
    } catch (error) {
      if (signal.aborted) return;
      since ??= clock.now();
      const reason = error instanceof Error ? error.message : String(error);
      options.onConnection({ kind: 'lost', reason, since });
    }
    const wait = Math.min(RETRY_MS * 2 ** Math.min(failures, 10), RETRY_MAX_MS);
    failures += 1;
    await timers.sleep(wait * (0.5 + random.fraction() / 2), signal).catch(() => undefined);
  }
}

/** The fleet as it is now. Rejects with trouble for people, or the reason of the signal. */
export async function readFleet(address: string, signal: AbortSignal): Promise<FleetSnapshot> {
  const answer = await askJson({ address }, '/api/fleet', signal);
  if (!isSnapshot(answer)) throw new ServiceTrouble('what answers is no page of a fleet');
  return answer;
}

function isSnapshot(value: unknown): value is FleetSnapshot {
  const { protocol, seq, peers } = fields(value);
  return protocol === 1 && number(seq) !== undefined && Array.isArray(peers);
}

class PageFeed {
  readonly #options: PageFeedOptions;
  #fleet: FleetState | undefined;

  constructor(options: PageFeedOptions) {
    this.#options = options;
  }

  async follow(onOpen: () => void): Promise<never> {
    const { address, signal } = this.#options;
    const last = this.#fleet?.seq;
    return await followStream({ address }, '/api/events', {
      ...(last === undefined ? {} : { lastEventId: String(last) }),
      signal,
      onOpen,
      onEvent: (event) => this.#take(event),
    });
  }

  #take(event: StreamEvent): void {
    const { name, data } = event;
    if (name === 'snapshot') {
      const snapshot = JSON.parse(data) as unknown;
      if (!isSnapshot(snapshot)) throw new ServiceTrouble('the page is of another version');
      this.#fleet = stateOf(snapshot);
    } else if (name === 'delta' && this.#fleet !== undefined) {
      const after = applyDelta(this.#fleet, JSON.parse(data) as FleetDelta);
      if (after === undefined) {
        // Without what was known, the next attempt begins with a snapshot.
        this.#fleet = undefined;
        throw new ServiceTrouble('changes were lost');
      }
      this.#fleet = after;
    } else return;
    this.#options.onEvent?.(event);
    this.#options.onState(this.#fleet);
  }
}
