import type { Logger } from '@muster/core';

/** What a coordination server tells of itself (5.7). All are optional; what they throw is logged and goes no further. */
export interface CoordHooks {
  /** A query of another node was answered. */
  readonly pullIntentServed?: () => void;
  /** "Not cached" was answered, to a node or to ourselves, because the disk could not say. */
  readonly storageUnavailable?: () => void;
  /** A request of another node was answered. */
  readonly pleasePullServed?: () => void;
  /** A digest was newly started. */
  readonly pleasePullStarted?: (digest: string) => void;
  /** A digest was declined. */
  readonly pleasePullDeclined?: (digest: string) => void;
  /** A stream failed, or a digest of a batch was skipped; reasons are those of 4.6. */
  readonly streamError?: (reason: string) => void;
}

/** The same hooks, all there, none throwing. */
export function guardedHooks(hooks: CoordHooks, logger: Logger): Required<CoordHooks> {
  const guard = <Args extends readonly unknown[]>(call: ((...args: Args) => void) | undefined) => {
    return (...args: Args): void => {
      try {
        call?.(...args);
      } catch (error) {
        logger.error({ err: error }, 'a hook of the coordination server failed');
      }
    };
  };
  return {
    pullIntentServed: guard(hooks.pullIntentServed),
    storageUnavailable: guard(hooks.storageUnavailable),
    pleasePullServed: guard(hooks.pleasePullServed),
    pleasePullStarted: guard(hooks.pleasePullStarted),
    pleasePullDeclined: guard(hooks.pleasePullDeclined),
    streamError: guard(hooks.streamError),
  };
}
