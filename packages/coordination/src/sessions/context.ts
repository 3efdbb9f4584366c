import type { Clock, EventBus, Logger, Random, Timers } from '@muster/core';
import type { ColdStart } from '../cold-start/cascade.ts';
import type { CoordinationEvents } from '../events.ts';
import type { FallbackGate } from '../fallback/fallback-gate.ts';
import type {
  ClusterMembers,
  ContentDiscovery,
  ContentStore,
  Descriptor,
  Downloads,
  InFlightReader,
  NegativeCacheReader,
} from '../parts.ts';
import type { CoordinationSettings } from '../settings.ts';
import type { PeerTransfer } from '../transfer/peer-transfer.ts';
import type { Digest, Provider } from '../types.ts';
import type { ProviderOrder } from './provider-order.ts';
import type { Suppressions } from './suppression.ts';

export type FetchSettings = Pick<
  CoordinationSettings,
  | 'peerAttemptMaxMs'
  | 'peerMinBytesPerSecond'
  | 'sessionMaxMs'
  | 'rediscoverBudgetMs'
  | 'maxSessions'
  | 'partialTransfer'
>;

/** What the descriptor index knows (3.6). */
export interface DescriptorReader {
  get(digest: Digest): Descriptor | undefined;
}

export interface FetchSessionsParts {
  readonly downloads: Downloads;
  readonly store: Pick<ContentStore, 'has' | 'open'>;
  readonly discovery: Pick<ContentDiscovery, 'findProviders' | 'health' | 'provide'>;
  readonly coldStart: Pick<ColdStart, 'resolve'>;
  /** Without it an exhausted cascade is the end. */
  readonly fallback?: Pick<FallbackGate, 'attempt'>;
  readonly transfer: PeerTransfer;
  readonly members: Pick<ClusterMembers, 'self' | 'snapshot'>;
  readonly suppression: Suppressions;
  readonly order: ProviderOrder;
  /** The running pulls of the own pump. */
  readonly inflight?: InFlightReader;
  readonly negative?: NegativeCacheReader;
  readonly descriptors?: DescriptorReader;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventBus<CoordinationEvents>;
  readonly options: FetchSettings;
}

/** The providers that may be asked, best first (13.8, step 2). */
export function usableProviders(
  parts: FetchSessionsParts,
  digest: Digest,
  found: readonly Provider[],
): readonly Provider[] {
  const { members, order, clock, random } = parts;
  const self = members.self();
  const nodes = members.snapshot();
  const own = nodes.find(({ id }) => id === self);
  const isNear = ({ nodeId, addr }: Provider): boolean => {
    if (own === undefined || own.zone === '') return false;
    return nodes.some((node) => node.zone === own.zone && (node.id === nodeId || node.addr === addr));
  };
  return order.sort(askableProviders(parts, digest, found), { now: clock.monotonic(), random, isNear });
}

/** Whoever answers at this transfer address. */
export function providerAt({ members }: Pick<FetchSessionsParts, 'members'>, addr: string): Provider {
  const node = members.snapshot().find((member) => member.addr === addr);
  return { nodeId: node?.id ?? '', addr };
}

/** The providers that may be asked, in the order in which they were named, each once. */
export function askableProviders(
  parts: FetchSessionsParts,
  digest: Digest,
  found: readonly Provider[],
): readonly Provider[] {
  const { members, suppression } = parts;
  const self = members.self();
  const own = members.snapshot().find(({ id }) => id === self);
  const unique = new Map<string, Provider>();
  for (const provider of found) {
    if (provider.addr === '' || provider.nodeId === self || provider.addr === own?.addr) continue;
    if (suppression.isSuppressed(digest, provider)) {
      parts.events.publish('provider.filtered', {});
      continue;
    }
    unique.set(provider.addr, provider);
  }
  return [...unique.values()];
}
