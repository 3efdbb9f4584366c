import type { EventBus } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import { PullLog } from '../ops/pull-log.ts';
import type { OpsSource } from '../ops/server/ops-server.ts';
import type { LoggedPull } from '../ops/pull-log.ts';
import type { PullsReport } from '../ops/server/pull-stream.ts';
import type { Downloads } from '../parts.ts';
import { type DebugParts, debugState } from './debug-state.ts';

export interface OpsParts extends DebugParts {
  readonly events: EventBus<CoordinationEvents>;
  readonly downloads: Pick<Downloads, 'list'>;
  readonly metrics: () => Promise<string>;
}

/** What the listener for monitoring shows of an agent. Pulls are logged from now on. */
export function opsSourceOf(parts: OpsParts): OpsSource {
  const { events, clock, downloads, members, peerId, store } = parts;
  const log = new PullLog({
    events,
    clock,
    downloads: () => downloads.list(),
    peerIdOf: (nodeId) =>
      nodeId === members.self() ? peerId : members.snapshot().find(({ id }) => id === nodeId)?.peerId,
  });
  const report = (pulls: readonly LoggedPull[]): PullsReport => {
    const { objects, usedBytes, budgetBytes } = store.stats();
    return {
      node: members.self(),
      peerId,
      totals: log.totals,
      store: { objects, usedBytes, budgetBytes },
      pulls,
    };
  };
  return {
    readiness: parts.readiness,
    metrics: parts.metrics,
    debugState: (digest) => debugState(parts, digest),
    pulls: { report: () => report(log.list()), changes: () => report(log.changes()) },
  };
}
