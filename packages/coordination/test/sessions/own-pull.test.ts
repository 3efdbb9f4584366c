import { ManualClock } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { InFlightMap } from '../../src/inflight/in-flight-map.ts';
import type { NegativeEntry } from '../../src/types.ts';
import { followOwnPull } from '../../src/sessions/own-pull.ts';
import { memoryStore } from '../support/stores.ts';
import { DownloadRegistry } from '../../src/downloads/download-registry.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';
import { testDigest } from '../support/vectors.ts';

it('tells of a pull that failed at once: the clock stands still', async () => {
  const { store } = await memoryStore();
  const clock = new ManualClock();
  const digest = testDigest(1);
  const inflight = new InFlightMap();
  const downloads = new DownloadRegistry({ store, timers: clock, options: DEFAULT_COORDINATION_SETTINGS });
  const download = await downloads.open(digest, { kind: 'blob' });
  const { handle } = inflight.start(digest, 'blob', 0, clock.now());
  let failure: NegativeEntry | undefined;
  const following = followOwnPull(
    { timers: clock, clock, inflight, store, negative: { lookup: () => failure } } as never,
    {
      request: { digest, kind: 'blob', registry: 'hub', repository: 'a/b' },
      download,
      isWanted: () => true,
      signal: new AbortController().signal,
    },
  );
  failure = { failureClass: 'not_found', cooldownUntil: 10_000 } as NegativeEntry;
  handle.done();
  await expect(following).rejects.toMatchObject({
    code: 'ORIGIN_FAILED',
    details: { failureClass: 'not_found', cooldownUntil: 10_000 },
  });
  download.fail(new Error('the test ends'));
});
