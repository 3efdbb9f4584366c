import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { figuresOf, withFigures } from '../../docs/figures.ts';
import { root } from '../../packages.ts';

test('the figures of README.md are those of the results', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const results = readFileSync(join(root, 'benchmarks/registry/RESULTS.md'), 'utf8');
  expect(withFigures(readme, results) === readme, 'README.md is out of date: run `npm run docs`').toBe(true);
});

test('rows of the results are read by id', () => {
  const row = '| `ready.1m` | 5.4 | s | < 5 | MISS | from the start |';
  expect(figuresOf(`# Results\n\n${row}\n`).get('ready.1m')).toEqual({
    value: '5.4',
    unit: 's',
    target: '< 5',
    verdict: 'MISS',
  });
});

test('a page without a place for the figures, and results that lack one, are refused', () => {
  expect(() => withFigures('# Muster', '')).toThrow('README.md lacks');
  const place =
    '<!-- figures: written by `npm run docs` from benchmarks/registry/RESULTS.md -->\n<!-- end of figures -->';
  expect(() => withFigures(place, '')).toThrow('lacks heartbeat.unpipelined');
});
