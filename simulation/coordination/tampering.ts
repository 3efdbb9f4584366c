import type { Coordinator, LocalCoordinator, Pump } from '@muster/coordination';

/** Bugs to plant in agents, so that tests can see whether the checkers find them. */
export interface Tampering {
  /** Alters what is handed to a runtime. */
  readonly delivered?: (data: Uint8Array) => Uint8Array;
  /** Puts another pump in front of the agent's. */
  readonly pump?: (pump: Pump) => Pump;
  /** Stands between the cascade and the network. */
  readonly coordinator?: (coordinator: Coordinator) => Coordinator;
  readonly local?: (local: LocalCoordinator) => LocalCoordinator;
  /** The in-flight entry of a finished pull stays. */
  readonly leaksInFlight?: boolean;
  /** Requests of runtimes are swallowed with this probability. */
  readonly swallows?: number;
  /** Each request leaves a timer behind. */
  readonly leaksTimers?: boolean;
}
