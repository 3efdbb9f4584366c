export { defineErrors, errorCode, MusterError } from './errors.ts';
export type { ErrorDefinition, ErrorFamily } from './errors.ts';
export type {
  Clock,
  PeerAddress,
  Random,
  Storage,
  StorageEntry,
  StorageFile,
  StreamSink,
  TimerHandle,
  Timers,
} from './ports/index.ts';
export { fileStorage } from './adapters/file-storage.ts';
export { systemClock, systemTimers } from './adapters/system-clock.ts';
export { systemRandom } from './adapters/system-random.ts';
