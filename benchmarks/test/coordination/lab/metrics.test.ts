import { describe, expect, it } from 'vitest';
import { Samples } from '../../../coordination/lab/metrics.ts';

const TEXT = `# HELP pulls_total Pulls
# TYPE pulls_total counter
pulls_total{kind="layer",class="a\\"b"} 2
pulls_total{kind="manifest"} 3
depth 1.5e3 1700000000000
seconds_bucket{le="+Inf"} 4
`;

describe('Prometheus text', () => {
  it('is summed over processes, by name and labels', () => {
    const samples = Samples.parse(TEXT, TEXT);
    expect(samples.sum('pulls_total')).toBe(10);
    expect(samples.sum('pulls_total', { kind: 'layer' })).toBe(4);
    expect(samples.sum('pulls_total', { class: 'a\\"b' })).toBe(4);
    expect(samples.sum('depth')).toBe(3_000);
    expect(samples.sum('seconds_bucket', { le: '+Inf' })).toBe(8);
    expect(samples.sum('unknown')).toBe(0);
    expect(samples.by('pulls_total', 'kind')).toEqual({ layer: 4, manifest: 6 });
  });
});
