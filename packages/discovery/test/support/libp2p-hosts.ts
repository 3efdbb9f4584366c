import { recordingLogger, systemClock, systemRandom, systemTimers } from '@muster/core';
import { Identity } from '@muster/core/identity';
import { expect, onTestFinished } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { createLibp2pOverlay } from '../../src/overlay/libp2p/index.ts';
import type { Libp2pOverlayOptions } from '../../src/overlay/libp2p/index.ts';
import type { DhtNamespace, Overlay } from '../../src/overlay/overlay.ts';
import type { AddrInfo } from '../../src/wire/messages.ts';

export const PSK = new Uint8Array(32).fill(7);

/** An overlay on a free port of the loopback, with the lines that it logs. It is stopped when the test is over. */
export interface TestHost {
  readonly overlay: Overlay;
  readonly info: AddrInfo;
  readonly log: ReturnType<typeof recordingLogger>['entries'];
}

/** Makes and starts one; `prepare` runs before the start. */
export async function startHost(
  options: Partial<Libp2pOverlayOptions> = {},
  prepare: (overlay: Overlay) => void = () => undefined,
): Promise<TestHost> {
  const logger = recordingLogger();
  const overlay = await createLibp2pOverlay({
    identity: Identity.generate(),
    psk: PSK,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    allowLoopback: true,
    constants: discoveryConstants(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    logger,
    ...options,
  });
  onTestFinished(() => overlay.stop());
  prepare(overlay);
  await overlay.start();
  return { overlay, info: { ID: overlay.self, Addrs: overlay.addresses() }, log: logger.entries };
}

export async function startHosts(
  count: number,
  options: Partial<Libp2pOverlayOptions> = {},
  prepare: (overlay: Overlay) => void = () => undefined,
): Promise<TestHost[]> {
  return Promise.all(Array.from({ length: count }, () => startHost(options, prepare)));
}

/** A bound for whatever should be quick. */
export const SOON = { timeoutMs: 10_000 };

/** Waits until a condition holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 20_000, interval: 20 }).toBe(true);
}

/** Values of the form `<version>:<anything>`: the highest version is the best. */
export const versioned: DhtNamespace = {
  validate: (_key, value) => /^\d+:/.test(Buffer.from(value).toString()),
  select: (_key, values) => {
    const versions = values.map((value) => Number(Buffer.from(value).toString().split(':')[0]));
    return versions.indexOf(Math.max(...versions));
  },
};
