import { Targets } from '../harness/targets.ts';

/** With the load generator on the same machine, two cores for both. */
export const TARGETS = new Targets([
  { id: 'heartbeat.unpipelined.ratio', atLeast: 1.3 },
  { id: 'lookup.unpipelined.ratio', atLeast: 1.3 },
  { id: 'heartbeat.pipelined16.ratio', atLeast: 6 },
  { id: 'lookup.pipelined16.ratio', atLeast: 6 },
  { id: 'register.durable.1000clients', atLeast: 5_000 },
  { id: 'log.append', atLeast: 200_000 },
  { id: 'write.latency.added.ratio', below: 2 },
  { id: 'memory.1m', below: 512 },
  { id: 'ready.1m', below: 5 },
  { id: 'stall.snapshot.1m', below: 20 },
  { id: 'idle.bytes_per_minute', below: 1_000_000 },
  { id: 'idle.connection_heap', below: 6 },
  { id: 'list.45000.first_byte', below: 50 },
]);
