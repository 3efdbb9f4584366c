/** Whether an agent is ready, and why not (coordination spec 20.2), as a plain model. */

/** After this the last two conditions only warn, so that a lone survivor can serve (D:31). */
export const LONE_SURVIVOR_MS = 120_000;

export interface ReadinessFacts {
  readonly isStoreScanned: boolean;
  readonly areMembersSynced: boolean;
  /** Absent when the agent does not announce itself as a pod. */
  readonly announcement?: {
    readonly isAnnounced: boolean;
    readonly hasAddresses: boolean;
    readonly isTransferDialable: boolean;
  };
  readonly runningCount: number;
  readonly bootstrapCount: number;
  readonly routingTableSize: number;
  readonly uptimeMs: number;
}

export interface Readiness {
  /** The first condition that fails; undefined: ready. */
  readonly reason: string | undefined;
  /** What would have been a reason earlier. */
  readonly warning: string | undefined;
}

/** The state of these facts. */
export function readinessOf(facts: ReadinessFacts): Readiness {
  const { announcement, runningCount, bootstrapCount, routingTableSize } = facts;
  const hard: readonly (readonly [boolean, string])[] = [
    [facts.isStoreScanned, 'cache scan not complete'],
    [facts.areMembersSynced, 'members informer not synced'],
    [announcement?.isAnnounced ?? true, 'members self-announce pending (check pods/patch RBAC)'],
    [
      announcement?.hasAddresses ?? true,
      'members self-announce has no dialable p2p addresses; check libp2p_listen vs Pod IP family',
    ],
    [
      announcement?.isTransferDialable ?? true,
      'transfer listener family mismatches Pod IP; check transfer_listen vs Pod IP family',
    ],
  ];
  const failed = hard.find(([holds]) => !holds);
  if (failed !== undefined) return { reason: failed[1], warning: undefined };
  const soft = softReason(runningCount, bootstrapCount, routingTableSize);
  return facts.uptimeMs < LONE_SURVIVOR_MS
    ? { reason: soft, warning: undefined }
    : { reason: undefined, warning: soft };
}

function softReason(running: number, bootstrap: number, tableSize: number): string | undefined {
  if (running > 1 && bootstrap <= 1) return 'peer self-announcements pending';
  return bootstrap > 1 && tableSize < 1 ? 'dht routing table empty' : undefined;
}
