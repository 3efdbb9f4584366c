export type {
  Lease,
  LeaseAnswer,
  Leases,
  LeaseStamp,
  Located,
  LocationSource,
  Locator,
  Member,
  Members,
} from './fleet.ts';
export type { Clock, TimerHandle, Timers } from './clock.ts';
export type { ContentRouting, PeerStream, PeerStreams, PeerTarget, WaitLimit } from './peer-network.ts';
export type { Random } from './random.ts';
export type { Storage, StorageEntry, StorageFile } from './storage.ts';
export type { PeerAddress, StreamSink } from './transport.ts';
