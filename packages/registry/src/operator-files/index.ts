export { nodeOperatorFiles } from './adapters/node-operator-files.ts';
export { operatorFileErrors } from './errors.ts';
export { PolledFile, OPERATOR_FILE_MAX_BYTES, OPERATOR_FILE_POLL_INTERVAL_MS } from './polled-file.ts';
export type { PolledFileOptions } from './polled-file.ts';
export type { OperatorFileLog, OperatorFiles, OperatorFileStamp } from './operator-files.ts';
