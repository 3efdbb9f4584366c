import { EventBus } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { BehaviourTracker } from '../../src/behaviour/behaviour-tracker.ts';
import { discoveryConstants } from '../../src/constants.ts';
import type { DiscoveryEvents } from '../../src/events.ts';
import { DEFAULT_SETTINGS, type DiscoverySettings } from '../../src/settings.ts';

/** A bus whose listeners must not throw. */
export function testEvents(): EventBus<DiscoveryEvents> {
  return new EventBus<DiscoveryEvents>({
    onListenerError: (error) => {
      throw error;
    },
  });
}

/** A behaviour tracker on a clock of its own. */
export function testTracker(settings: Partial<DiscoverySettings> = {}) {
  const clock = new ManualClock();
  const events = testEvents();
  const constants = discoveryConstants();
  const tracker = new BehaviourTracker({
    clock,
    events,
    constants,
    settings: { ...DEFAULT_SETTINGS, ...settings },
  });
  return { clock, events, constants, tracker };
}
