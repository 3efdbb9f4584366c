/** Finds peers of a fleet as `muster find` does, with fresh connections for each question. */
import { join } from 'node:path';
import { systemClock, systemTimers } from '@muster/core';
import { readKnownMembers } from '../../find/known-members.ts';
import { find } from '../../find/find.ts';
import { OverlayLocator } from '../../find/overlay-locator.ts';
import { RegistryLocator } from '../../find/registry-locator.ts';
import type { FleetFile, FleetMember } from '../../fleet/fleet-file.ts';
import { fleetRegistryClient } from '../../fleet/registry-client.ts';
import type { FindAnswer, Finder } from '../ports.ts';

/** A registry on this machine that has not said anything for so long is taken for gone, as the command has it. */
const CONTACT_MS = 900;
const REGISTRY_MS = 5_000;
const OVERLAY_MS = 5_000;

/** Where it asks. */
type Places = Pick<FleetFile, 'registry' | 'folder'>;

export class FleetFinder implements Finder {
  readonly #places: Places;
  readonly #signal: AbortSignal;

  constructor(places: Places, signal: AbortSignal) {
    this.#places = places;
    this.#signal = signal;
  }

  async find(what: string, node: FleetMember): Promise<FindAnswer> {
    return await this.#ask(what, { registry: true, node });
  }

  async findAtRegistry(what: string): Promise<FindAnswer> {
    return await this.#ask(what, { registry: true });
  }

  async findInOverlay(what: string, node: FleetMember): Promise<FindAnswer> {
    return await this.#ask(what, { registry: false, node });
  }

  async #ask(
    what: string,
    whom: { readonly registry: boolean; readonly node?: FleetMember },
  ): Promise<FindAnswer> {
    const { registry, folder } = this.#places;
    const startedAt = performance.now();
    await using client = fleetRegistryClient(registry.address, {
      timeoutMs: REGISTRY_MS,
      connectTimeoutMs: CONTACT_MS,
    });
    const shared = { clock: systemClock, timers: systemTimers };
    const status = whom.node?.status;
    const known = await readKnownMembers({ files: [], folders: [join(folder, 'members')] });
    const { located } = await find(what, {
      registry: whom.registry
        ? new RegistryLocator({ ...shared, client, networks: [], contactMs: CONTACT_MS })
        : undefined,
      overlay: status === undefined ? undefined : new OverlayLocator({ ...shared, places: [status], known }),
      registryMs: REGISTRY_MS,
      overlayMs: OVERLAY_MS,
      timers: systemTimers,
      signal: this.#signal,
    });
    return { located, ms: performance.now() - startedAt };
  }
}
