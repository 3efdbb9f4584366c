import { WHITELIST_FILE_NAME } from '../admission/index.ts';
import { BREAKER_FILE_NAME } from '../breakers/index.ts';
import { LAST_SEEN_FILE } from './store.ts';

/**
 * Files beside log and snapshots that belong to a whole copy of a store. Secrets (admin tokens, TLS keys) are not among
 * them: they are for the operator to keep.
 */
export const STORE_SIDE_FILES: readonly string[] = [LAST_SEEN_FILE, BREAKER_FILE_NAME, WHITELIST_FILE_NAME];
