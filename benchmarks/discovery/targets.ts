import { Targets } from '../harness/targets.ts';

/** Discovery spec section 30, and what is asked beyond it. */
export const TARGETS = new Targets([
  { id: 'convergence.healthy.p95', atMost: 10 },
  { id: 'convergence.full.p95', atMost: 90 },
  { id: 'replace.p50', atMost: 30 },
  { id: 'replace.p95', atMost: 45 },
  { id: 'frozen.max', atMost: 80 },
  { id: 'search.first-hit.p50', atMost: 500 },
  { id: 'search.first-hit.p95', atMost: 1500 },
  { id: 'get.p95', atMost: 1000 },
  { id: 'recall', atLeast: 99 },
  { id: 'freshness', atLeast: 99 },
  { id: 'heartbeats.node-minute', atMost: 30 },
  { id: 'streams.node-minute', atMost: 16 },
  { id: 'dht.puts.node-minute', atMost: 3 },
  { id: 'bytes.node-minute', atMost: 200 },
  { id: 'rss.node.idle', atMost: 140 },
  { id: 'hb.handling.p99', atMost: 50 },
  { id: 'shutdown', below: 3 },
  { id: 'sim.growth', atMost: 1.3 },
]);
