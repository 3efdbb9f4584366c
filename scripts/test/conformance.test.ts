import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../packages.ts';

interface Row {
  readonly id: string;
  readonly ticked: boolean;
  readonly capability: string;
  readonly tests: readonly string[];
  readonly remark: string;
}

const numbers = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const padded = (
  prefix: string,
  width: number,
  ...ranges: readonly (readonly [number, number])[]
): readonly string[] =>
  ranges.flatMap(([from, to]) => numbers(from, to).map((n) => prefix + String(n).padStart(width, '0')));

/** The ids of the checklist of each service's specification. */
const CHECKLISTS: Readonly<Record<string, readonly string[]>> = {
  Registry: padded('', 0, [1, 56]),
  Discovery: padded('CAP-', 2, [1, 84]),
  Coordination: padded(
    'CO-',
    3,
    [1, 15],
    [20, 30],
    [40, 44],
    [50, 54],
    [60, 67],
    [70, 81],
    [90, 93],
    [100, 102],
    [110, 122],
    [130, 137],
    [140, 148],
    [150, 154],
    [160, 166],
    [170, 174],
    [180, 187],
    [190, 194],
  ),
};

const text = readFileSync(join(root, 'docs/CONFORMANCE.md'), 'utf8');

/** The rows of a service; throws for a row of another shape. */
function rowsOf(service: string): readonly Row[] {
  const section = text.split(`\n## ${service}\n`)[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => {
    const match = /^\| (\S+) \| ([☑☐]) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$/.exec(line);
    if (match === null) throw new Error(`not a row of docs/CONFORMANCE.md: ${line}`);
    const [, id = '', box, capability = '', tests = '', remark = ''] = match;
    return {
      id,
      ticked: box === '☑',
      capability,
      tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
      remark: remark.trim(),
    };
  });
}

describe.each(Object.keys(CHECKLISTS))('conformance of %s', (service) => {
  const rows = rowsOf(service);

  test('every row of the checklist is there, in order', () => {
    expect(rows.map((row) => row.id)).toEqual(CHECKLISTS[service]);
    for (const row of rows) expect(row.capability.trim(), row.id).not.toBe('');
  });

  test('a ticked row names the test that proves it, and the test exists', () => {
    for (const { id, ticked, tests } of rows) {
      if (ticked) expect(tests.length, id).toBeGreaterThan(0);
      for (const path of tests) {
        expect(path, id).toMatch(/^(packages|simulation|interop|scripts)\/.+(\.test\.ts|_test\.go)$/);
        expect(existsSync(join(root, path)), `${id}: ${path} does not exist`).toBe(true);
      }
    }
  });

  test('a row that is not ticked says why', () => {
    for (const { id, ticked, remark } of rows) if (!ticked) expect(remark, id).not.toBe('');
  });
});
