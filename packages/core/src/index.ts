export { defineErrors, errorCode, MusterError } from './errors.ts';
export type { ErrorDefinition, ErrorFamily } from './errors.ts';
export type {
  Clock,
  ContentRouting,
  Lease,
  LeaseAnswer,
  Leases,
  LeaseStamp,
  Located,
  LocationSource,
  Locator,
  Member,
  Members,
  PeerAddress,
  PeerStream,
  PeerStreams,
  PeerTarget,
  Random,
  Storage,
  StorageEntry,
  StorageFile,
  StreamSink,
  TimerHandle,
  Timers,
  WaitLimit,
} from './ports/index.ts';
export { AdaptiveTimeout } from './adaptive-timeout.ts';
export { OncePerInterval } from './once-per-interval.ts';
export { ownTime } from './own-time.ts';
export { makeDirectories } from './adapters/make-directories.ts';
export { fileStorage } from './adapters/file-storage.ts';
export { systemClock, systemTimers } from './adapters/system-clock.ts';
export { systemRandom } from './adapters/system-random.ts';
export { coreErrors } from './core-errors.ts';
export {
  defineSettings,
  describeConfig,
  describeFlags,
  formatDuration,
  formatSize,
  loadConfig,
  parseDuration,
  parseSize,
  propertyName,
  readConfigFile,
  readSecretFile,
  readStandardFiles,
  Secret,
} from './config/index.ts';
export type {
  Config,
  ConfigDescription,
  ConfigFile,
  ConfigSources,
  ConfigValues,
  FlagDescription,
  SecretFile,
  Setting,
  Settings,
} from './config/index.ts';
export { DEFAULT_SUBSCRIPTION_BUFFER, EventBus } from './events/index.ts';
export type { BusEvent, EventTypes, Subscription, TopicPattern } from './events/index.ts';
export {
  createLogger,
  isSecretName,
  LOG_LEVELS,
  loggableFields,
  LogSampler,
  MAX_BUFFERED_LOG_BYTES,
  MAX_SAMPLED_KEYS,
  processLogDestination,
  recordingLogger,
  SAMPLE_INTERVAL,
  silentLogger,
} from './logging/index.ts';
export type {
  LogDestination,
  LogEntry,
  LogFields,
  LogFormat,
  Logger,
  LoggerOptions,
  LogLevel,
  RootLogger,
} from './logging/index.ts';
export {
  Counter,
  Gauge,
  Histogram,
  MAX_COLLECTED_SERIES,
  METRICS_CONTENT_TYPE,
  MetricsRegistry,
  OTHER_LABEL_VALUE,
  processMetrics,
} from './metrics/index.ts';
export type { CollectedSample, Family, LabelSets } from './metrics/index.ts';
export {
  DEFAULT_STOP_TIMEOUT_MS,
  EXIT_CODES,
  exitCodeOf,
  Lifecycle,
  stopOnSignals,
  stopOutcome,
} from './lifecycle/index.ts';
export type { Component, ExitCode, ExitCodeName, StopReport } from './lifecycle/index.ts';
