/**
 * The short lists of files that may break a rule, each with its reason. A name that is no longer needed is reported.
 */

/** Files outside the rim that may use clocks, timers, randomness, files or sockets of the host. */
export const AMBIENT_FILES: ReadonlyMap<string, string> = new Map<string, string>();

/** Files that may be longer than the limit. */
export const LONG_FILES: ReadonlyMap<string, string> = new Map<string, string>();

/** Functions that may be longer than the limit, as `file:name`. */
export const LONG_FUNCTIONS: ReadonlyMap<string, string> = new Map<string, string>();
