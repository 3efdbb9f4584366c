import type { ColdStartRequest, Resolution } from '@muster/coordination';
import type { Leases } from '@muster/core';
import type { SimAgent } from './sim-agent.ts';

/** Bugs to plant in agents, so that tests can see whether the checkers find them. */
export interface Tampering {
  /** Alters what is handed to a runtime. */
  readonly delivered?: (data: Uint8Array) => Uint8Array;
  /** Stands before the cascade of an agent; `proceed` is the real one. */
  readonly resolve?: (
    agent: SimAgent,
    request: ColdStartRequest,
    proceed: () => Promise<Resolution>,
  ) => Promise<Resolution>;
  /** Stands before the leases of an agent. */
  readonly leases?: (leases: Leases) => Leases;
  /** The in-flight entry of a finished pull stays. */
  readonly leaksInFlight?: boolean;
  /** Requests of runtimes are swallowed with this probability. */
  readonly swallows?: number;
  /** Each request leaves a timer behind. */
  readonly leaksTimers?: boolean;
}
