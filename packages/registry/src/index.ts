export { Registry } from './registry.ts';
export type { RegistryTopics } from './registry.ts';
export type { ListenAddress, RegistryOptions, TlsSetting } from './service/options.ts';
export { defaultLimits } from './model/limits.ts';
export type { DirectoryLimits } from './model/limits.ts';
export { defaultConnectionLimits } from './server/limits.ts';
export type { ConnectionLimits } from './server/limits.ts';
export { defaultPolicy } from './operations/policy.ts';
export type { RegistryPolicy } from './operations/policy.ts';
export { legacyOperations, operations, refusalCodes } from './operations/index.ts';
export type { RefusalCode } from './operations/index.ts';
export type { Operation } from './operations/operation.ts';
export {
  ADMIN_SCOPES,
  KeyRing,
  createAdminToken,
  formatAdminTokenFile,
  parseAdminTokenFile,
} from './auth/index.ts';
export type { AdminScope, AdminTokenEntry } from './auth/index.ts';
export { copyStore, lockStore, logErrors, openLog, verifyLog } from './log/index.ts';
export type {
  CopyReport,
  Durability,
  LoadProgress,
  Log,
  LogOptions,
  RecoveryReport,
  Repair,
  Restore,
  VerifyProblem,
  VerifyReport,
} from './log/index.ts';
export { STORE_SIDE_FILES } from './service/side-files.ts';
export { importOriginalStore } from './service/import-original.ts';
export type {
  ImportedLog,
  ImportOriginalStoreOptions,
  ImportReport,
  TransferProgress,
} from './service/import-original.ts';
export { exportOriginalStore } from './service/export-original.ts';
export type { ExportOriginalStoreOptions, ExportReport } from './service/export-original.ts';
export type { NetworkWithNewToken } from './service/original-from-directory.ts';
export { transferErrors } from './service/original-errors.ts';
export type { TransferErrorCode } from './service/original-errors.ts';
export type { TransferNote, TransferNoteCode } from './service/original-notes.ts';
export { checkStore } from './service/store-check.ts';
export type { CheckedContents, ReadStoreOptions, StoreCheckReport } from './service/store-check.ts';
export { LocalConnection, LocalRegistry } from './service/local-registry.ts';
export type { LocalRegistryOptions } from './service/local-registry.ts';
export { isVisible } from './wire/index.ts';
