/** The cost of a node in the simulator, as its scenario `curve` tells it. */

export interface SimulatedCost {
  readonly heartbeatFrames: number;
  readonly streams: number;
  readonly puts: number;
  readonly dhtRequests: number;
  readonly kib: number;
  readonly kibWithProbes: number;
  readonly indexerKib: number;
  /** Virtual time over real time. */
  readonly speed: number;
}

const COST =
  /^(\d+) nodes: ([\d.]+) heartbeat frames, ([\d.]+) streams, ([\d.]+) puts, ([\d.]+) DHT requests, ([\d.]+) KiB \(([\d.]+) with probes\) per node and minute; indexer ([\d.]+) KiB\/min; ([\d.]+) times real time/;

/** Reads the output of `npm run sim -- discovery --scenario curve --json`. Throws an error when the size is not in it. */
export function costOf(output: string, nodes: number): SimulatedCost {
  const outcomes = JSON.parse(output) as readonly {
    readonly error?: string;
    readonly result?: { readonly notes: readonly string[] };
  }[];
  for (const { error, result } of outcomes) {
    if (error !== undefined) throw new Error(`the simulation failed: ${error}`);
    for (const note of result?.notes ?? []) {
      const [, size, ...figures] = COST.exec(note) ?? [];
      if (Number(size) !== nodes) continue;
      const [heartbeatFrames, streams, puts, dhtRequests, kib, kibWithProbes, indexerKib, speed] =
        figures.map(Number) as [number, number, number, number, number, number, number, number];
      return { heartbeatFrames, streams, puts, dhtRequests, kib, kibWithProbes, indexerKib, speed };
    }
  }
  throw new Error(`the simulator told nothing of ${nodes} nodes`);
}
