export { Breaker, BREAKER_GUARDS, BreakerSet, isBreakerName, parseBreakerState } from './breaker-set.ts';
export type { BreakerName, BreakerSetting, BreakerState } from './breaker-set.ts';
export {
  BREAKER_FILE_NAME,
  BreakerFile,
  formatBreakerFile,
  MAX_BREAKER_REASON_LENGTH,
  parseBreakerFile,
} from './breaker-file.ts';
export type { BreakerFileContents, BreakerFileOptions } from './breaker-file.ts';
export { breakerErrors } from './errors.ts';
