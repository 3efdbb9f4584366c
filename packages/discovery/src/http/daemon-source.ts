import type { MetricsRegistry } from '@muster/core';
import type { DiscoveryDaemon } from '../daemon.ts';
import type { StatusSource } from './status-source.ts';

/** What the status endpoint shows of this daemon. Each search counts as one of a user of its own. */
export function statusSourceOf(
  daemon: DiscoveryDaemon,
  options: { readonly version: string; readonly startedAt: number; readonly metrics: MetricsRegistry },
): StatusSource {
  const { indexer, context } = daemon;
  let searches = 0;
  return {
    context,
    version: options.version,
    startedAt: options.startedAt,
    get name() {
      return daemon.name;
    },
    get did() {
      return daemon.did;
    },
    get isReady() {
      return daemon.isReady;
    },
    notReadyReasons: () => daemon.notReadyReasons(),
    pool: daemon.pool,
    indexer: indexer && {
      facts: indexer.agent,
      behaviour: indexer.behaviour,
      suggestions: indexer.suggestions,
      referenced: indexer.referenced,
    },
    search(needle, signal) {
      searches += 1;
      return daemon.search.search(`status ${searches}`, needle, { signal });
    },
    lookup: async (peerOrDid) => await daemon.lookup.getPeerRecord(peerOrDid),
    renderMetrics: async () => await options.metrics.render(),
  };
}
