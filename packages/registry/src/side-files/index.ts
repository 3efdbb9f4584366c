export { nodeSideFiles } from './adapters/node-side-files.ts';
export { sideFileErrors } from './errors.ts';
export { PolledFile, SIDE_FILE_MAX_BYTES, SIDE_FILE_POLL_INTERVAL_MS } from './polled-file.ts';
export type { PolledFileOptions } from './polled-file.ts';
export type { SideFileLog, SideFiles, SideFileStamp } from './side-files.ts';
