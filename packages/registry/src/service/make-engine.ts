import type { MusterError } from '@muster/core';
import { DEFAULT_BADGE_KEY_RING, DEFAULT_RECOVERY_KEY_RING, KeyRing, NonceWindow } from '../auth/index.ts';
import { EngineMetrics } from '../engine/engine-metrics.ts';
import { Engine } from '../engine/engine.ts';
import type { Directory } from '../model/directory.ts';
import { defaultPolicy } from '../operations/policy.ts';
import { Destinations, IdentityTokenValidator, SafeFetcher, verifyIdentityToken } from '../outbound/index.ts';
import type { Registry } from '../registry.ts';
import { registryErrors } from './errors.ts';
import type { RegistryOptions } from './options.ts';
import { runSlices } from './slices.ts';
import type { RegistryStore } from './store.ts';

export interface EngineParts {
  readonly options: RegistryOptions;
  readonly registry: Registry;
  readonly state: Directory;
  readonly store: RegistryStore;
  /** Memory and log differ: the process must stop. */
  readonly onBroken: (error: MusterError) => void;
}

/** Makes the engine of a registry: its gates and counters, and the services that it asks. */
export function makeEngine({ options, registry, state, store, onBroken }: EngineParts): Engine {
  const { clock, timers, random, bus } = registry;
  const metrics = new EngineMetrics(registry.metrics);
  const fetcher = new SafeFetcher({
    timers,
    destinations: Destinations.allowing(options.allowedDestinations ?? []),
    ...(options.resolver === undefined ? {} : { resolve: options.resolver }),
  });
  const tokens = new IdentityTokenValidator(fetcher, {
    allowSymmetricKeys: options.allowSymmetricTokens ?? false,
  });
  return new Engine({
    state,
    log: store.log,
    clock,
    random,
    policy: { ...defaultPolicy, ...options.policy },
    verifier: registry.verifier,
    nonces: new NonceWindow({ startedAtSeconds: Math.floor(registry.startedAtMs / 1000) }),
    admins: registry.adminTokens,
    breakers: registry.breakers,
    badgeKeys: options.badgeKeys ?? KeyRing.parse(DEFAULT_BADGE_KEY_RING),
    recoveryKeys: options.recoveryKeys ?? KeyRing.parse(DEFAULT_RECOVERY_KEY_RING),
    outbound: {
      verifyIdentityToken: (url, token) => verifyIdentityToken(fetcher, url, token),
      validateToken: (provider, token, nowMs) => tokens.validate(token, provider, nowMs),
    },
    metrics,
    logger: registry.logger,
    slice: (steps) => runSlices(steps, clock, timers),
    standby: options.standby ?? false,
    onAudit: (note, atMs) => {
      metrics.countAudit(note.action);
      bus.publish('audit.entry', { ...note, atMs });
    },
    onEvents: (events, lastSeq) => {
      metrics.countEvents(events);
      bus.publish('registry.events', { events, lastSeq });
    },
    onBroken: (cause) =>
      onBroken(
        registryErrors.create('STATE_BROKEN', 'an event could not be applied: memory and log differ', {
          cause,
        }),
      ),
  });
}
