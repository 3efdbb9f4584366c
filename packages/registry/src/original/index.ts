export { originalAuditHash, verifyOriginalAuditChain } from './audit-chain.ts';
export type { AuditChainBreak } from './audit-chain.ts';
export { checkOriginalStore } from './check.ts';
export { emptyOriginalNetwork, emptyOriginalNode, emptyOriginalStore } from './empty.ts';
export { originalErrors } from './errors.ts';
export type { OriginalErrorCode } from './errors.ts';
export { importOriginal } from './import.ts';
export type { ImportedOriginal, ImportOriginalInput } from './import.ts';
export { decodeOriginalKey, encodeOriginalKey } from './keys.ts';
export { applyOriginalLog } from './log-apply.ts';
export type { OriginalReplay } from './log-apply.ts';
export { encodeLogRecord as encodeOriginalLogRecord, writeOriginalLog } from './log-codec.ts';
export { readOriginalLog } from './log-reader.ts';
export type {
  OriginalLog,
  OriginalLogProblem,
  OriginalLogSkip,
  ReadOriginalLogOptions,
} from './log-reader.ts';
export { maxLogRecordBytes, maxOriginalLogBytes, originalLogTypes, reservedLogTypes } from './log-records.ts';
export type {
  OriginalDeregisterRecord,
  OriginalKeyRotationRecord,
  OriginalLogEnvelope,
  OriginalLogRecord,
  OriginalMembershipRecord,
  OriginalNetworkCreateRecord,
  OriginalNetworkDeleteRecord,
  OriginalOtherRecord,
  OriginalRegisterRecord,
} from './log-records.ts';
export { rfc3339ToUnixMs, unixMsToRfc3339 } from './rfc3339.ts';
export {
  defaultMaxElementBytes,
  maxSnapshotDepth,
  parseOriginalSnapshot,
  readOriginalSnapshot,
} from './snapshot-reader.ts';
export type {
  OriginalChecksumResult,
  OriginalSnapshot,
  ReadOriginalSnapshotOptions,
} from './snapshot-reader.ts';
export { newestSnapshotVersion, writeOriginalSnapshot } from './snapshot-writer.ts';
export type {
  OriginalExport,
  OriginalExportSummary,
  OriginalLeftOut,
  OriginalSnapshotSource,
  OriginalTable,
} from './snapshot-writer.ts';
export { backboneNetworkId, maxNetworkId, maxNodeId } from './types.ts';
export type {
  JsonValue,
  Kept,
  OriginalAuditEntry,
  OriginalAuditExportConfig,
  OriginalHandshakeRequest,
  OriginalHandshakeResponse,
  OriginalIdpConfig,
  OriginalInterval,
  OriginalInvite,
  OriginalNetwork,
  OriginalNetworkSample,
  OriginalNode,
  OriginalPolicy,
  OriginalProbeState,
  OriginalRoleAssignment,
  OriginalRules,
  OriginalSample,
  OriginalStatistics,
  OriginalStore,
  OriginalTrustPair,
} from './types.ts';
export { defaultMaxWarningsPerCode, OriginalWarnings } from './warnings.ts';
export type { OriginalWarning, OriginalWarningCode, OriginalWarningReport } from './warnings.ts';
