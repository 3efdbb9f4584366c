export { logErrors } from './errors.ts';
export { Log } from './log.ts';
export type { Durability, LogEntry, LogOptions, LogStats } from './log.ts';
export { openLog } from './open.ts';
export type { LoadProgress, RecoveryReport, Restore } from './open.ts';
export type { Repair } from './repair.ts';
export type { SnapshotBlock, SnapshotInfo } from './snapshot-file.ts';
