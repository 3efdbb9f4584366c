export { MAX_BUFFERED_LOG_BYTES, processLogDestination } from './adapters/log-destination.ts';
export type { LogDestination } from './adapters/log-destination.ts';
export { createLogger } from './create-logger.ts';
export type { LogFormat, LoggerOptions, RootLogger } from './create-logger.ts';
export { LOG_LEVELS, recordingLogger, silentLogger } from './logger.ts';
export type { LogEntry, LogFields, Logger, LogLevel } from './logger.ts';
export { isSecretName, loggableFields } from './redact.ts';
export { LogSampler, MAX_SAMPLED_KEYS, SAMPLE_INTERVAL } from './sampled.ts';
