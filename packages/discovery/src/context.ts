import type { Clock, EventBus, Logger, Random, Timers } from '@muster/core';
import type { DiscoveryConstants } from './constants.ts';
import type { DiscoveryEvents } from './events.ts';
import type { Overlay } from './overlay/overlay.ts';
import type { RecordCrypto } from './records/record-crypto.ts';
import type { DiscoverySettings } from './settings.ts';
import type { PeerStore } from './stores/peer-store.ts';
import type { PeerId } from './wire/messages.ts';

/** What every part of the daemon is handed. In the simulator all of it is virtual. */
export interface DiscoveryContext {
  readonly self: PeerId;
  readonly settings: DiscoverySettings;
  readonly constants: DiscoveryConstants;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events: EventBus<DiscoveryEvents>;
  readonly overlay: Overlay;
  readonly crypto: RecordCrypto;
  readonly peers: PeerStore;
  /** Aborted when the daemon stops: every loop, timer and request ends with it (F:90). */
  readonly signal: AbortSignal;
}
