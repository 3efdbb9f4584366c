export { RegistryClient } from './client.ts';
export type { SendOptions } from './client.ts';
export type {
  Beat,
  LookedUp,
  LookupOptions,
  NodeFacts,
  PrivateNode,
  PublicNode,
  Punched,
  Registered,
  Registration,
  Resolved,
  ResolvedHostname,
} from './calls/directory-types.ts';
export type { AdminCallOptions, CallOptions, NodeCallOptions } from './calls/exchange.ts';
export type {
  IdentityProvider,
  IdentityProviderStatus,
  KeyInfo,
  NodeIdentity,
  Recovery,
  Rekeyed,
  TokenVerdict,
} from './calls/keys.ts';
export type { FullNodeList, ListNodesOptions, NodeList, NodeListDelta } from './calls/listing.ts';
export type {
  AcquireLeaseOptions,
  GrantedLease,
  LeaseHolder,
  LeaseReply,
  RenewedLease,
} from './calls/leases.ts';
export type {
  CreatedNetwork,
  JoinedNetwork,
  JoinOptions,
  ListNetworksOptions,
  NetworkEntry,
  NetworkResult,
  NewNetwork,
  RoleCallOptions,
} from './calls/networks.ts';
export type { Badge, LiveNode, NodeEntry, OfflineNode } from './calls/node-entry.ts';
export type { Environment } from './environment.ts';
export { clientErrors, isTransient, refusalOf, refused } from './errors.ts';
export type { ClientErrorCode, Refusal } from './errors.ts';
export { HeartbeatLoop } from './heartbeat-loop.ts';
export type { HeartbeatLoopOptions } from './heartbeat-loop.ts';
export type { ReconnectOptions, RegistryClientOptions, StrictOptions, TlsOptions } from './options.ts';
export type { PoolStats } from './pool.ts';
export type { Message, RawReply, WithRaw } from './reply.ts';
export type { NodeChange, WatchOptions, WatchPoll } from './watch.ts';
export { formatAddress, MAX_NETWORK_ID, MAX_NODE_ID, parseAddress } from './wire/address.ts';
export type { NodeAddress } from './wire/address.ts';
export type { Encoding } from './wire/frames.ts';
