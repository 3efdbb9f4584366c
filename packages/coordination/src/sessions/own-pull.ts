import { coordinationErrors } from '../errors.ts';
import { PullWatch } from '../inflight/pull-watch.ts';
import type { FetchSessionsParts } from './context.ts';
import type { SearchTarget } from './source-search.ts';

const LOOK_MS = 200;
/** Looks in a row at which neither the pump nor anybody else works on the download. */
const MAX_IDLE_LOOKS = 3;

/**
 * Waits while somebody else on this node, usually the pump, fills the download. Rejects with the failure of the download, or with
 * ORIGIN_FAILED when the pull has ended and left the object undone.
 */
export async function followOwnPull(
  parts: FetchSessionsParts,
  { request, download, signal }: SearchTarget,
): Promise<'committed' | 'local'> {
  const { timers, clock, inflight, negative, store } = parts;
  const { digest, registry, repository, kind } = request;
  const watch = inflight === undefined ? undefined : new PullWatch({ inflight, clock, timers }, digest);
  let idle = 0;
  for (;;) {
    signal.throwIfAborted();
    if (download.state === 'committed') return 'committed';
    const isRunning = inflight === undefined || inflight.lookup(digest, clock.now()) !== undefined;
    idle = isRunning || download.state !== 'open' || download.source !== undefined ? 0 : idle + 1;
    // A failure that is on record is told at once.
    if (idle >= MAX_IDLE_LOOKS || (idle > 0 && negative?.lookup(digest) !== undefined)) break;
    await (watch === undefined ? timers.sleep(LOOK_MS, signal) : watch.pause(LOOK_MS, signal));
  }
  if (await store.has(digest).catch(() => false)) return 'local';
  const entry = negative?.lookup(digest);
  throw coordinationErrors.create('ORIGIN_FAILED', 'the own pull came to nothing', {
    details: {
      registry,
      repository,
      digest,
      kind,
      failureClass: entry?.failureClass ?? 'transient',
      ...(entry === undefined ? {} : { cooldownUntil: entry.cooldownUntil }),
    },
  });
}
