/**
 * The limits of the directory's state: each has a name, a default and a defined behaviour when it is reached.
 * Limits of the doors (frames, connections, rates) live with the server.
 */
export interface DirectoryLimits {
  /** Live nodes; above it a registration is refused with `registry full`. @default 1_000_000 */
  readonly maxNodes: number;
  /**
   * Remembered identities of nodes that are gone (tombstones). Above it the oldest are forgotten, which lets their
   * names and ids go for good (ids are never handed out again). @default 1_000_000
   */
  readonly maxTombstones: number;
  /** Networks besides the backbone; the id is 16 bits wide. @default 65_535 */
  readonly maxNetworks: number;
  /** How long a reaped node's hostname is kept for it. @default 86_400 */
  readonly hostnameHoldSeconds: number;
  /** Trust pairs and pending reports that one node may have declared. @default 10_000 */
  readonly maxTrustPerNode: number;
  /** Leases that are held at a time; above it a wish is refused with `limit_reached`. @default 65_536 */
  readonly maxLeases: number;
  /** Leases that one node may hold at a time; above it a wish is refused with `limit_reached`. @default 1_024 */
  readonly maxLeasesPerNode: number;
  /** Resources of which is remembered who has done them; above it the oldest are forgotten. @default 65_536 */
  readonly maxDoneLeases: number;
}

export const defaultLimits: DirectoryLimits = {
  maxNodes: 1_000_000,
  maxTombstones: 1_000_000,
  maxNetworks: 65_535,
  hostnameHoldSeconds: 86_400,
  maxTrustPerNode: 10_000,
  maxLeases: 65_536,
  maxLeasesPerNode: 1_024,
  maxDoneLeases: 65_536,
};

/** The network that every live node is a member of (spec 1.1). */
export const BACKBONE = 0;

/** Most networks that a lookup reply may list; the client refuses more (spec 2.5, B-03). */
export const MAX_NETWORKS_IN_REPLY = 1024;
