import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom, systemTimers } from '@muster/core';
import { Fleet, type FleetParts } from '../../src/dev/fleet.ts';
import type { MemberEvent } from '../../src/dev/fleet-control.ts';
import { PortBook } from '../../src/dev/port-book.ts';

const PROGRAM = join(import.meta.dirname, 'fake-program.mjs');

/** A fleet whose members are processes that do nothing. */
export interface FleetLab extends AsyncDisposable {
  readonly fleet: Fleet;
  readonly events: MemberEvent[];
  readonly progress: string[];
  /** How members misbehave from their next start on, by name. */
  misbehave(how: Readonly<Record<string, string>>): Promise<void>;
}

export async function fleetLab(
  folder: string,
  counts: Readonly<Record<'indexer' | 'node' | 'mirror', number>>,
  parts: Partial<FleetParts> = {},
): Promise<FleetLab> {
  const script = join(folder, 'misbehaviour.json');
  const misbehave = async (how: Readonly<Record<string, string>>): Promise<void> =>
    await writeFile(script, JSON.stringify(how));
  await misbehave({});
  const ports = new PortBook(systemRandom);
  const progress: string[] = [];
  const fleet = new Fleet(
    {
      folder,
      musterVersion: '1.2.3',
      registryPort: await ports.any(),
      counts,
      timeScale: 0.25,
      originBytesPerSecond: 0,
    },
    {
      ports,
      clock: systemClock,
      timers: systemTimers,
      random: systemRandom,
      program: PROGRAM,
      environment: { ...process.env, FAKE_PROGRAM: script },
      makeNetwork: async () => 5,
      secrets: { psk: 'the psk', networkToken: 'the network token' },
      onFleet: () => {},
      onProgress: (ready, all) => void progress.push(`${ready}/${all}`),
      ...parts,
    },
  );
  fleet.setPlaces({ page: 'http://127.0.0.1:8080/', controlUrl: 'http://127.0.0.1:1234' });
  const events: MemberEvent[] = [];
  fleet.onMember((event) => void events.push(event));
  return { fleet, events, progress, misbehave, [Symbol.asyncDispose]: () => fleet.stop() };
}
