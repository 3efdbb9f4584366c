import type { ClusterNode, CoordinationSettings, Digest } from '@muster/coordination';
import type { Identity } from '@muster/core/identity';
import type { Simulation } from '../kernel/index.ts';
import type { SimNetwork } from '../network/index.ts';
import type { SimOrigin } from './fabric/sim-origin.ts';
import type { PeerBook } from './fabric/sim-peers.ts';
import type { SimRouting } from './fabric/sim-routing.ts';
import type { TransferDirectory } from './fabric/sim-transfer.ts';
import type { LeaseBook } from './leases/lease-book.ts';
import type { SimRegistry } from './leases/sim-registry.ts';
import type { Ledger } from './ledger.ts';
import type { Tampering } from './tampering.ts';

/** What all agents of a run share: the network, the origin, the overlay, and the books that checkers read. */
export interface World {
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly origin: SimOrigin;
  readonly routing: SimRouting;
  readonly book: PeerBook;
  readonly transfers: TransferDirectory;
  readonly ledger: Ledger;
  readonly settings: CoordinationSettings;
  readonly egressBytesPerSecond: number;
  /** Bugs that are planted, for tests of the checkers. */
  readonly tampering: Tampering;
  readonly nodes: readonly ClusterNode[];
  /** Who grants leases, if anybody does. */
  readonly registry: LeaseAuthority | undefined;
}

/** The registry, the keys of its nodes, and the books about its leases. */
export interface LeaseAuthority {
  readonly sim: SimRegistry;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly book: LeaseBook;
}

/** A request of a runtime. */
export interface Wanted {
  readonly digest: Digest;
}
