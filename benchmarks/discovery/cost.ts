/** What hosts cost, from their metrics (discovery spec M-08). */

import { PROTOCOLS } from '@muster/discovery';

/** Counters of one host that M-08 asks for. */
export interface HostCounts {
  /** Sent and received. */
  readonly heartbeatFrames: number;
  /** Of all protocols. */
  readonly frames: number;
  /** Streams that the host opened for anything but heartbeats; those of the hash table are not counted at the port. */
  readonly auxiliaryStreams: number;
}

const SAMPLE = /^(\w+)\{([^}]*)\} ([\d.e+-]+)$/gm;

/** Reads the counters out of Prometheus text. Throws an error when the text has no frames at all. */
export function countsOf(metrics: string): HostCounts {
  let heartbeatFrames = 0;
  let frames = 0;
  let auxiliaryStreams = 0;
  for (const [, name, labels = '', text] of metrics.matchAll(SAMPLE)) {
    const value = Number(text);
    const isHeartbeat = labels.includes(`protocol="${PROTOCOLS.heartbeat}"`);
    if (name === 'oc_frames_total') {
      frames += value;
      if (isHeartbeat) heartbeatFrames += value;
    } else if (name === 'oc_streams_total' && !isHeartbeat && labels.includes('direction="outbound"')) {
      auxiliaryStreams += value;
    }
  }
  if (frames === 0) throw new Error('metrics without oc_frames_total');
  return { heartbeatFrames, frames, auxiliaryStreams };
}

/** What was added between two looks at the same hosts. */
export function difference(before: HostCounts, after: HostCounts): HostCounts {
  return {
    heartbeatFrames: after.heartbeatFrames - before.heartbeatFrames,
    frames: after.frames - before.frames,
    auxiliaryStreams: after.auxiliaryStreams - before.auxiliaryStreams,
  };
}

export function sum(counts: readonly HostCounts[]): HostCounts {
  return counts.reduce(
    (total, one) => ({
      heartbeatFrames: total.heartbeatFrames + one.heartbeatFrames,
      frames: total.frames + one.frames,
      auxiliaryStreams: total.auxiliaryStreams + one.auxiliaryStreams,
    }),
    { heartbeatFrames: 0, frames: 0, auxiliaryStreams: 0 },
  );
}
