export { ManualClock } from './manual-clock.ts';
export { seededRandom } from './seeded-random.ts';
export { Disk, systemError } from './memory-disk.ts';
export type { CrashMode, DiskOperation } from './memory-disk.ts';
export { MemoryStorage } from './memory-storage.ts';
export { FaultStorage } from './fault-storage.ts';
export type { StorageFault } from './fault-storage.ts';
