export { discoveryConstants } from './constants.ts';
export type { DiscoveryConstants } from './constants.ts';
export { discoveryErrors } from './errors.ts';
export type { DiscoveryErrorCode } from './errors.ts';
