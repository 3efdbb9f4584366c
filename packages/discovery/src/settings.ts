/** What the daemon is configured with (discovery spec section 3), after loading and checking. */

import type { AddrInfo } from './wire/messages.ts';

export type DidMode = 'derived' | 'stored';
export type AdmissionMode = 'normalized' | 'strict' | 'off';
export type SubnetDiversity = 'strict' | 'soft' | 'off';

export interface DiscoverySettings {
  readonly roles: { readonly node: boolean; readonly indexer: boolean };
  /** Human name in records and heartbeats; empty takes `oc-` and the last 6 characters of the peer id. */
  readonly name: string;
  /** Published as `api_url`. */
  readonly hostname: string;
  /** Seeds, without self. */
  readonly indexerAddresses: readonly AddrInfo[];
  /** Pool floor. @default 1 */
  readonly minIndexer: number;
  /** Pool ceiling of a node; a strict indexer takes twice this. @default 5 */
  readonly maxIndexer: number;
  /** Idle time-out of a search. @default 5000 */
  readonly searchTimeoutMs: number;
  /** Hard cap of a search. @default 60000 */
  readonly searchMaxMs: number;
  /** Burst guard: new heartbeat peers per window. @default 20 */
  readonly maxConnPerWindow: number;
  /** @default 30000 */
  readonly connWindowMs: number;
  /** @default 5 */
  readonly maxHeartbeatsPerMinute: number;
  /** @default 10 */
  readonly maxPublishesPerMinute: number;
  /** @default 50 */
  readonly maxGetsPerMinute: number;
  /** Indexer slots. @default 500 */
  readonly maxNodes: number;
  readonly didMode: DidMode;
  /** The DID in `stored` mode. */
  readonly storedDid?: string;
  readonly admissionMode: AdmissionMode;
  readonly subnetDiversity: SubnetDiversity;
  /** Keep loopback addresses in what is handed out; for fleets on one host. @default false */
  readonly allowLoopback: boolean;
  /** Published in the record; may be empty. */
  readonly natsAddress: string;
  readonly walletAddress: string;
  /** Pure nodes serve the DHT too. @default false */
  readonly dhtServer: boolean;
}

/** The documented defaults, for tests and embedding. */
export const DEFAULT_SETTINGS: DiscoverySettings = {
  roles: { node: true, indexer: false },
  name: '',
  hostname: 'localhost',
  indexerAddresses: [],
  minIndexer: 1,
  maxIndexer: 5,
  searchTimeoutMs: 5_000,
  searchMaxMs: 60_000,
  maxConnPerWindow: 20,
  connWindowMs: 30_000,
  maxHeartbeatsPerMinute: 5,
  maxPublishesPerMinute: 10,
  maxGetsPerMinute: 50,
  maxNodes: 500,
  didMode: 'derived',
  admissionMode: 'normalized',
  subnetDiversity: 'soft',
  allowLoopback: false,
  natsAddress: '',
  walletAddress: '',
  dhtServer: false,
};
