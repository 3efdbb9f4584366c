import type { Clock, EventBus, Logger, Random, Timers } from '@muster/core';
import type { CoordinationEvents } from '../events.ts';
import { FileContentStore, type StoreOptions } from './file-content-store.ts';
import { MemoryFiles } from './memory-files.ts';

/** A content store that lives in memory, for simulations: the very same code as on a disk, over {@link MemoryFiles}. */
export async function openMemoryStore(parts: {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  readonly events?: EventBus<CoordinationEvents> | undefined;
  readonly options: StoreOptions;
  /** The disk; a new one without bounds when absent. Give it again to restart a store. */
  readonly files?: MemoryFiles;
}): Promise<FileContentStore> {
  const { files = new MemoryFiles({ now: () => parts.clock.now() }), ...rest } = parts;
  return FileContentStore.open({ ...rest, directory: '/cache', files });
}
