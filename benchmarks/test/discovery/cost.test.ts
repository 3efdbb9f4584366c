import { describe, expect, it } from 'vitest';
import { countsOf, difference, sum } from '../../discovery/cost.ts';

const METRICS = `# HELP oc_frames_total Messages by protocol; in is received, out is sent.
# TYPE oc_frames_total counter
oc_frames_total{protocol="/opencloud/heartbeat/1.0",stream="outbound",direction="in"} 14
oc_frames_total{protocol="/opencloud/heartbeat/1.0",stream="outbound",direction="out"} 15
oc_frames_total{protocol="/opencloud/witness/1.0",stream="outbound",direction="out"} 2
# TYPE oc_streams_total counter
oc_streams_total{protocol="/opencloud/heartbeat/1.0",direction="outbound"} 5
oc_streams_total{protocol="/opencloud/witness/1.0",direction="outbound"} 3
oc_streams_total{protocol="/opencloud/witness/1.0",direction="inbound"} 7
oc_ready 1
`;

describe('what a host costs', () => {
  it('is read from its metrics: heartbeats both ways, and streams that it opened for anything else', () => {
    expect(countsOf(METRICS)).toEqual({ heartbeatFrames: 29, frames: 31, auxiliaryStreams: 3 });
  });

  it('is an error when the metrics are not there', () => {
    expect(() => countsOf('oc_ready 1\n')).toThrow('oc_frames_total');
  });

  it('is a difference of two looks, and a sum over hosts', () => {
    const one = { heartbeatFrames: 10, frames: 12, auxiliaryStreams: 1 };
    const added = difference(one, countsOf(METRICS));
    expect(added).toEqual({ heartbeatFrames: 19, frames: 19, auxiliaryStreams: 2 });
    expect(sum([one, added])).toEqual({ heartbeatFrames: 29, frames: 31, auxiliaryStreams: 3 });
  });
});
