import { describe, expect, it } from 'vitest';
import { formatJson, formatTable, formatValue, type Result } from '../../harness/results.ts';

const info = { command: 'npm run bench -- registry --json', machine: '2 x Processor, Node 26' };
const results: readonly Result[] = [
  {
    id: 'heartbeat.unpipelined',
    value: 98_765.4,
    unit: 'requests/s',
    note: 'durability batch; median of 5 runs',
  },
  { id: 'memory.1m', value: 417.25, unit: 'MiB', note: 'durability batch; 1 run' },
  { id: 'write.latency', value: 0.123_456, unit: 'ms', note: 'durability batch; 3 runs' },
];

describe('figures', () => {
  it('are one JSON object, each with id, value, unit and a note that says how it came about', () => {
    const parsed = JSON.parse(formatJson(results, info)) as { readonly results: readonly Result[] };
    expect(Object.keys(parsed)).toEqual(['results']);
    expect(parsed.results.map((result) => Object.keys(result))).toEqual(
      results.map(() => ['id', 'value', 'unit', 'note']),
    );
    for (const [i, { id, value, unit, note }] of parsed.results.entries()) {
      expect(id).toBe(results[i]?.id);
      expect(unit).toBe(results[i]?.unit);
      expect(typeof value).toBe('number');
      expect(note).toBe(`${results[i]?.note}; ${info.command}; ${info.machine}`);
    }
  });

  it('have as many digits as mean something', () => {
    const parsed = JSON.parse(formatJson(results, info)) as { readonly results: readonly Result[] };
    expect(parsed.results.map(({ value }) => value)).toEqual([98_765, 417, 0.123]);
    expect(formatValue(1_234_567.8)).toBe('1,234,568');
    expect(formatValue(1.5)).toBe('1.5');
  });

  it('that are no numbers are refused', () => {
    const wrong = [{ id: 'a', value: Number.NaN, unit: 's', note: '' }];
    expect(() => formatJson(wrong, info)).toThrow(RangeError);
    expect(() => formatTable([{ id: 'a', value: Infinity, unit: 's', note: '' }], info)).toThrow(RangeError);
  });

  it('are a table for people, with command and machine once', () => {
    const lines = formatTable(results, info).split('\n');
    expect(lines.slice(0, 3)).toEqual([`command  ${info.command}`, `machine  ${info.machine}`, '']);
    expect(lines[3]).toMatch(
      /^heartbeat\.unpipelined +98,765 +requests\/s +durability batch; median of 5 runs$/,
    );
    expect(lines).toHaveLength(6);
  });
});
