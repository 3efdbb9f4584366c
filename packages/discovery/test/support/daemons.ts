import { recordingLogger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { DiscoveryDaemon } from '../../src/daemon.ts';
import type { ConnectionPolicy } from '../../src/overlay/connection-policy.ts';
import { ed25519Crypto } from '../../src/records/ed25519-crypto.ts';
import { DEFAULT_SETTINGS, type DiscoverySettings } from '../../src/settings.ts';
import { MemoryPeerStore } from '../../src/stores/memory-peer-store.ts';
import { testIdentity } from './identities.ts';
import { MemoryNetwork } from './memory-overlay.ts';

/** Daemons on one network in memory, and on one clock that stands still. */
export class Daemons {
  readonly clock = new ManualClock();
  readonly network = new MemoryNetwork({ timers: this.clock });
  readonly all: DiscoveryDaemon[] = [];

  /** A daemon that has not been started; with `key` that of an earlier one, which is its restart with nothing kept. */
  make(
    settings: Partial<DiscoverySettings>,
    key = this.all.length,
    policy?: ConnectionPolicy,
  ): DiscoveryDaemon {
    const identity = testIdentity(key);
    const { clock } = this;
    const daemon = new DiscoveryDaemon({
      settings: { ...DEFAULT_SETTINGS, ...settings },
      clock,
      timers: clock,
      random: seededRandom(this.all.length + 1),
      logger: recordingLogger(),
      overlay: this.network.overlay(identity.peerId),
      crypto: ed25519Crypto(identity),
      peers: new MemoryPeerStore(),
      ...(policy !== undefined && { policy }),
    });
    this.all.push(daemon);
    return daemon;
  }

  async started(
    settings: Partial<DiscoverySettings>,
    key?: number,
    policy?: ConnectionPolicy,
  ): Promise<DiscoveryDaemon> {
    const daemon = this.make(settings, key, policy);
    await daemon.start();
    return daemon;
  }

  seedOf(daemon: DiscoveryDaemon) {
    return this.network.addrInfo(daemon.context.self);
  }

  /** Passes time in small steps, and lets everything run after each. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(left, 250));
      for (let turn = 0; turn < 4; turn++) {
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    }
  }
}
