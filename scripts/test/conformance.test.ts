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

/** Defects of the original of discovery that the specification calls critical or high. */
const DEFECTS = [
  ...numbers(1, 9),
  ...numbers(12, 15),
  ...numbers(18, 20),
  23,
  27,
  33,
  ...numbers(35, 40),
  42,
  47,
  51,
  54,
  58,
  ...numbers(60, 62),
  65,
  66,
  72,
  74,
  ...numbers(78, 84),
  89,
  90,
];

const text = readFileSync(join(root, 'docs/CONFORMANCE.md'), 'utf8');

/** Lines of the table under a heading, without those under the headings in it. */
function tableUnder(heading: string): readonly string[] {
  const section = text.split(`\n${heading}\n`)[1]?.split(/\n#{2,3} /)[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2);
}

function pathsIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);
}

/** The rows of a service; throws for a row of another shape. */
function rowsOf(service: string): readonly Row[] {
  return tableUnder(`## ${service}`).map((line) => {
    const match = /^\| (\S+) \| ([☑☐]) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$/.exec(line);
    if (match === null) throw new Error(`not a row of docs/CONFORMANCE.md: ${line}`);
    const [, id = '', box, capability = '', tests = '', remark = ''] = match;
    return {
      id,
      ticked: box === '☑',
      capability,
      tests: pathsIn(tests),
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
        expect(path, id).toMatch(
          /^(benchmarks|packages|simulation|interop|scripts)\/.+(\.test\.ts|_test\.go)$/,
        );
        expect(existsSync(join(root, path)), `${id}: ${path} does not exist`).toBe(true);
      }
    }
  });

  test('a row that is not ticked says why', () => {
    for (const { id, ticked, remark } of rows) if (!ticked) expect(remark, id).not.toBe('');
  });
});

describe('defects of the original of discovery', () => {
  const rows = tableUnder('### Defects of the original that must not come back').map((line) => {
    const match = /^\| DEF-(\d+) \| ([CH]) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$/.exec(line);
    if (match === null) throw new Error(`not a row of docs/CONFORMANCE.md: ${line}`);
    const [, defect = '', , , tests = '', remark = ''] = match;
    return { defect: Number(defect), tests: pathsIn(tests), remark: remark.trim() };
  });

  test('each critical and high one is there, in order', () => {
    expect(rows.map(({ defect }) => defect)).toEqual(DEFECTS);
  });

  test('each has a test that names it, or a remark that says why not', () => {
    for (const { defect, tests, remark } of rows) {
      if (tests.length === 0) expect(remark, `DEF-${defect}`).not.toBe('');
      for (const path of tests) {
        const source = readFileSync(join(root, path), 'utf8');
        expect(source, `${path} names DEF-${defect}`).toMatch(new RegExp(`\\b(DEF-|F:)${defect}\\b`));
      }
    }
  });
});
