import type { MetricsRegistry } from '@muster/core';
import { SESSION_STATES } from './metric-labels.ts';

/** What gauges show; each is asked at every rendering. */
export interface MetricsGauges {
  readonly inFlightPulls: () => number;
  readonly negativeEntries: () => number;
  readonly health: () => number;
  readonly pullQueue: () => number;
  readonly storeBytes: () => number;
  readonly storeEntries: () => number;
  readonly members: () => { readonly ready: number; readonly bootstrap: number; readonly running: number };
  readonly routingTableSize: () => number;
  readonly advertisedDigests: () => number;
  readonly sessions: () => ReadonlyMap<string, number>;
}

/** Declares the gauges; each shows 0 while `gauges` gives nothing for it. */
export function declareGauges(registry: MetricsRegistry, gauges: () => Partial<MetricsGauges>): void {
  const gauge = (
    name: string,
    help: string,
    read: (gauges: Partial<MetricsGauges>) => number | undefined,
  ): void => registry.collected('gauge', name, help, () => read(gauges()) ?? 0);
  gauge('p2p_in_flight_pulls', 'Pulls that run or wait.', (from) => from.inFlightPulls?.());
  gauge('p2p_negative_cache_entries', 'Objects whose origin is left alone.', (from) =>
    from.negativeEntries?.(),
  );
  gauge('p2p_dht_health_score', 'Health of discovery, 0 to 1.', (from) => from.health?.());
  gauge('gantry_pull_queue', 'Pulls that wait.', (from) => from.pullQueue?.());
  gauge('gantry_store_bytes', 'Bytes in the store.', (from) => from.storeBytes?.());
  gauge('gantry_store_entries', 'Objects in the store.', (from) => from.storeEntries?.());
  gauge('gantry_routing_table_size', 'Peers in the routing table.', (from) => from.routingTableSize?.());
  gauge('gantry_advertised_digests', 'Objects that are announced.', (from) => from.advertisedDigests?.());
  registry.collected('gauge', 'gantry_sessions', 'Objects that are fetched, by state.', () => {
    const counts = gauges().sessions?.();
    return SESSION_STATES.map((state) => ({ labels: { state }, value: counts?.get(state) ?? 0 }));
  });
  registry.collected('gauge', 'gantry_members', 'Nodes of the cluster, by view.', () => {
    const { ready = 0, bootstrap = 0, running = 0 } = gauges().members?.() ?? {};
    return Object.entries({ ready, bootstrap, running }).map(([view, value]) => ({
      labels: { view },
      value,
    }));
  });
}
