import type { Clock, Logger, Random, Timers } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import type { DiscoveryConstants } from '../../constants.ts';

/** What an overlay is made of. Nothing here names a type of the library: users of the package need not know it. */
export interface Libp2pOverlayOptions {
  readonly identity: Identity;
  /** 32 bytes. */
  readonly psk: Uint8Array;
  /** Multiaddrs to listen on, without `/p2p`; port 0 takes a free one. */
  readonly listen: readonly string[];
  /** Further multiaddrs to hand out, without `/p2p`. @default none */
  readonly announce?: readonly string[];
  /** Hand out loopback addresses, too; for fleets on one host. @default false */
  readonly allowLoopback?: boolean;
  /** At least the slots of an indexer and 200 more (4.3). @default 700 */
  readonly maxConnections?: number;
  readonly constants: Pick<DiscoveryConstants, 'echoMaxBytes' | 'bandwidthProbeMs'>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}
