import { describe, expect, it } from 'vitest';
import { costOf } from '../../discovery/curve.ts';

const NOTE =
  '100 nodes: 29.8 heartbeat frames, 13.9 streams, 1.99 puts, 14.8 DHT requests, 72.9 KiB (322.1 with probes) per node ' +
  'and minute; indexer 1203 KiB/min; 16.4 times real time';
const outputOf = (...notes: readonly string[]): string =>
  JSON.stringify([{ id: 'curve', result: { notes } }]);

describe('the cost that the simulator tells', () => {
  it('is read by the size of the fleet', () => {
    expect(costOf(outputOf('something else', NOTE), 100)).toEqual({
      heartbeatFrames: 29.8,
      streams: 13.9,
      puts: 1.99,
      dhtRequests: 14.8,
      kib: 72.9,
      kibWithProbes: 322.1,
      indexerKib: 1203,
      speed: 16.4,
    });
  });

  it('is an error when it is not there, or the simulation failed', () => {
    expect(() => costOf(outputOf(NOTE), 1000)).toThrow('1000 nodes');
    expect(() => costOf(JSON.stringify([{ id: 'curve', error: 'no quorum' }]), 100)).toThrow('no quorum');
  });
});
