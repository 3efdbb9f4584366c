import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBus, silentLogger, type Logger } from '@muster/core';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { onTestFinished } from 'vitest';
import type { CoordinationEvents } from '../../src/events.ts';
import { nodeStoreFiles } from '../../src/store/adapters/node-store-files.ts';
import { FileContentStore, type StoreOptions } from '../../src/store/file-content-store.ts';
import type { StoreFiles } from '../../src/store/files.ts';
import { MemoryFiles } from '../../src/store/memory-files.ts';
import { openMemoryStore } from '../../src/store/memory-store.ts';

export const STORE_OPTIONS: StoreOptions = {
  budgetBytes: 10_000_000,
  headroomPercent: 0,
  providerThreshold: 3,
  verifyOnStart: 'off',
};

/** A folder that is removed when the test has ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-store-'));
  onTestFinished(async () => rm(folder, { recursive: true, force: true }));
  return folder;
}

let seed = 1;

/** A store on the real disk, closed when the test has ended. */
export async function diskStore(
  directory: string,
  overrides: {
    readonly options?: Partial<StoreOptions>;
    readonly clock?: ManualClock;
    readonly logger?: Logger;
    readonly files?: StoreFiles;
    readonly events?: EventBus<CoordinationEvents>;
  } = {},
): Promise<FileContentStore> {
  const clock = overrides.clock ?? new ManualClock();
  const store = await FileContentStore.open({
    directory,
    files: overrides.files ?? nodeStoreFiles,
    clock,
    timers: clock,
    random: seededRandom(seed++),
    logger: overrides.logger ?? silentLogger,
    events: overrides.events,
    options: { ...STORE_OPTIONS, ...overrides.options },
  });
  onTestFinished(async () => store.close());
  return store;
}

/** A store in memory, with its disk, its clock, and what it published. */
export async function memoryStore(
  overrides: {
    readonly options?: Partial<StoreOptions>;
    readonly capacityBytes?: number;
    readonly files?: MemoryFiles;
    readonly logger?: Logger;
    readonly clock?: ManualClock;
  } = {},
) {
  const clock = overrides.clock ?? new ManualClock();
  const events = new EventBus<CoordinationEvents>({ onListenerError: () => {} });
  const happened: string[] = [];
  events.on('store.committed', ({ payload }) => void happened.push(`committed ${payload.size}`));
  events.on('store.removed', ({ payload }) => void happened.push(`${payload.reason} ${payload.size}`));
  const files =
    overrides.files ??
    new MemoryFiles({
      now: () => clock.now(),
      ...(overrides.capacityBytes === undefined ? {} : { capacityBytes: overrides.capacityBytes }),
    });
  const store = await openMemoryStore({
    clock,
    timers: clock,
    random: seededRandom(seed++),
    logger: overrides.logger ?? silentLogger,
    events,
    files,
    options: { ...STORE_OPTIONS, ...overrides.options },
  });
  return { store, files, clock, happened };
}
