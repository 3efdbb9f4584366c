export type { AddressPolicy } from './address-table.ts';
export { AddressState, AddressTable } from './address-table.ts';
export {
  AdmissionControl,
  CHARGE_PAUSE,
  CHARGE_REFUSE,
  CHARGE_SERVE,
  RATE_LIMITED_TEXT,
  TOO_MANY_LOOKUPS_TEXT,
  tooManyRegistrationsText,
} from './admission-control.ts';
export type { AdmissionOptions, Charge, ConnectionVerdict, DenialKind } from './admission-control.ts';
export {
  DEFAULT_WHEEL_SLOTS,
  DEFAULT_WHEEL_TICK_MS,
  DeadlineWheel,
  runDeadlineWheel,
} from './deadline-wheel.ts';
export type { DeadlineId, DeadlineWheelOptions } from './deadline-wheel.ts';
export { admissionErrors } from './errors.ts';
export { isLoopback, parseIp } from './ip-address.ts';
export type { IpWords } from './ip-address.ts';
export { DEFAULT_ADMISSION_LIMITS } from './limits.ts';
export type { AdmissionLimits } from './limits.ts';
export { TokenBucket, TokenRate } from './token-bucket.ts';
export { MAX_WHITELIST_ENTRIES, Whitelist } from './whitelist.ts';
export type { WhitelistEntry } from './whitelist.ts';
export { WHITELIST_FILE_NAME, WhitelistFile } from './whitelist-file.ts';
export type { WhitelistFileOptions } from './whitelist-file.ts';
