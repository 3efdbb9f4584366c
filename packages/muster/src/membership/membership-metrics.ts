import type { Clock, Members, MetricsRegistry } from '@muster/core';
import type { RegistrationState } from './registration.ts';

/** What is shown of a membership. */
export interface ShownMembership extends Members {
  readonly state: RegistrationState;
}

/** Declares the figures of a membership: whether it stands in the registry, and how old what it goes by is. */
export function declareMembershipMetrics(
  metrics: MetricsRegistry,
  membership: ShownMembership,
  clock: Pick<Clock, 'now'>,
): void {
  const isRegistered = (): boolean => membership.state.kind === 'registered';
  metrics.collected(
    'gauge',
    'muster_member_registered',
    'Whether the registry has taken the last registration.',
    () => Number(isRegistered()),
  );
  metrics.collected(
    'gauge',
    'muster_member_admitted',
    'Whether it is a member of the network that it is to join, as far as the registry has told it.',
    () => Number(membership.state.kind === 'registered' && membership.state.isMember),
  );
  metrics.collected(
    'gauge',
    'muster_members',
    'Members of the network in the list that it goes by.',
    () => membership.list()?.length ?? 0,
  );
  metrics.collected(
    'gauge',
    'muster_members_age_seconds',
    'How long ago the registry has confirmed that list; nothing while it never has.',
    () => {
      const { confirmedAt } = membership;
      return confirmedAt === undefined ? [] : [{ labels: {}, value: (clock.now() - confirmedAt) / 1_000 }];
    },
  );
}
