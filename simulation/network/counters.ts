/** What one process has sent and received, by protocol. Bytes are those of frames, with their newline. */
export interface ProtocolCount {
  framesOut: number;
  framesIn: number;
  bytesOut: number;
  bytesIn: number;
  streamsOpened: number;
}

/** Counters of one process. */
export class TrafficCounters {
  readonly #byProtocol = new Map<string, ProtocolCount>();

  of(protocol: string): ProtocolCount {
    let count = this.#byProtocol.get(protocol);
    if (count === undefined) {
      count = { framesOut: 0, framesIn: 0, bytesOut: 0, bytesIn: 0, streamsOpened: 0 };
      this.#byProtocol.set(protocol, count);
    }
    return count;
  }

  protocols(): readonly string[] {
    return [...this.#byProtocol.keys()].sort();
  }

  /** A copy to compare with later. */
  snapshot(): ReadonlyMap<string, Readonly<ProtocolCount>> {
    return new Map([...this.#byProtocol].map(([protocol, count]) => [protocol, { ...count }]));
  }

  /** What came on top since `earlier`. */
  since(earlier: ReadonlyMap<string, Readonly<ProtocolCount>>): ReadonlyMap<string, Readonly<ProtocolCount>> {
    const out = new Map<string, ProtocolCount>();
    for (const [protocol, count] of this.#byProtocol) {
      const before = earlier.get(protocol);
      out.set(protocol, {
        framesOut: count.framesOut - (before?.framesOut ?? 0),
        framesIn: count.framesIn - (before?.framesIn ?? 0),
        bytesOut: count.bytesOut - (before?.bytesOut ?? 0),
        bytesIn: count.bytesIn - (before?.bytesIn ?? 0),
        streamsOpened: count.streamsOpened - (before?.streamsOpened ?? 0),
      });
    }
    return out;
  }
}
