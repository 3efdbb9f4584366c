import { formatValue } from '../harness/results.ts';

/** What a figure is to reach. Those of `2 cores` hold with the load generator on the same machine. */
export interface Target {
  readonly id: string;
  readonly atLeast?: number;
  readonly below?: number;
}

export const TARGETS: readonly Target[] = [
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
];

/** `>= 1.3`, `< 20`, or nothing where no target is set. */
export function targetText(id: string): string {
  const target = TARGETS.find((one) => one.id === id);
  if (target?.atLeast !== undefined) return `>= ${formatValue(target.atLeast)}`;
  return target?.below === undefined ? '' : `< ${formatValue(target.below)}`;
}

/** `pass`, `MISS`, or nothing where no target is set. */
export function verdict(id: string, value: number): string {
  const target = TARGETS.find((one) => one.id === id);
  if (target === undefined) return '';
  const isReached = value >= (target.atLeast ?? -Infinity) && value < (target.below ?? Infinity);
  return isReached ? 'pass' : 'MISS';
}
