/** Switches of the operator that change what callers may do. */
export interface RegistryPolicy {
  /** Signed lookups, lists and name resolution of private nodes; "denied" reads "not found" (spec 4.4). @default false */
  readonly strictDirectoryAuth: boolean;
  /** Unsigned registrations are refused. @default false */
  readonly strictRegistrationAuth: boolean;
  /** Heartbeats carry a time; native binary heartbeats are refused. @default false */
  readonly strictHeartbeatFreshness: boolean;
  /** The expiry is part of what is signed. @default false */
  readonly strictExpiryBinding: boolean;
  /** Believe a claimed node id on the role path without proof (B-09). Unsafe. @default false */
  readonly allowUnsignedRbac: boolean;
  /** Believe a claimed requester_id in resolve_hostname without proof (B-18). Unsafe. @default false */
  readonly allowUnsignedRequester: boolean;
  /** Answer `set_task_exec` of old clients (spec 18). @default false */
  readonly legacyMessages: boolean;
  /** How ids are handed out (B-28). @default 'sequential' */
  readonly idAllocation: 'sequential' | 'random';
  /** Address that stands in for relay-only nodes; '' = none. */
  readonly beaconAddress: string;
  /** Most bytes of a reply body. */
  readonly maxReplyBytes: number;
}

export const defaultPolicy: RegistryPolicy = {
  strictDirectoryAuth: false,
  strictRegistrationAuth: false,
  strictHeartbeatFreshness: false,
  strictExpiryBinding: false,
  allowUnsignedRbac: false,
  allowUnsignedRequester: false,
  legacyMessages: false,
  idAllocation: 'sequential',
  beaconAddress: '',
  maxReplyBytes: 64 * 1024 * 1024 - 1,
};
