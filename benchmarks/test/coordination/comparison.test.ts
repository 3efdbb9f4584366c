import { expect, it } from 'vitest';
import { comparisonTable, withComparison } from '../../coordination/comparison.ts';
import { emptyPage } from '../../harness/results-page.ts';
import type { Result } from '../../harness/results.ts';

const NOTE = 'npm run bench -- x; 2 x Processor';
const figures: Readonly<Record<string, number>> = {
  'direct.image': 1_000_000,
  'direct.requests': 240,
  'direct.bytes': 20_000_000,
  'direct.copies': 20,
  'direct.p50': 40.5,
  'direct.p95': 41,
  'fleet.image': 1_000_000,
  'fleet.requests': 12,
  'fleet.bytes': 1_000_000,
  'fleet.copies': 1,
  'fleet.saving': 95,
  'fleet.p50': 20,
  'fleet.p95': 21,
  'fleet.peer_hits': 228,
  'fleet.peer_attempts': 230,
  'fleet.calls': 33.3,
  'fleet.peak': 190,
};
const results: readonly Result[] = Object.entries(figures).map(([name, value]) => ({
  id: `comparison.${name}`,
  value,
  unit: '',
  note: name === 'fleet.image' ? `20 runtimes pull this image; ${NOTE}` : `how; ${NOTE}`,
}));

it('shows direct pulls, ours, and what was published, which is scaled by the image and says so', () => {
  const lines = comparisonTable(results).split('\n');
  expect(lines[0]).toBe(
    '20 runtimes pull this image: 1,000,000 bytes. Command: `npm run bench -- x`. Machine: 2 x Processor.',
  );
  expect(lines).toContain('| requests at the origin | 240 | 12 | 121 | 20 |');
  expect(lines).toContain(
    '| bytes from the origin | 20,000,000 | 1,000,000 | ' +
      '28,999,927,790; scaled to this image: 27,000,000 | 1,074,071,395; scaled to this image: 1,000,000 |',
  );
  expect(lines).toContain('| bytes saved, % |  | 95 |  | 96.3 |');
  expect(lines).toContain('| pull time p95, s | 41 | 21 | not published | not published |');
  expect(lines).toContain('| peak memory of an agent, MiB |  | 190 |  | not published |');
  expect(lines).toHaveLength(14);
});

it('names the figures that are missing', () => {
  const some = results.filter(({ id }) => !/fleet\.(p95|image)$/.test(id));
  expect(() => comparisonTable(some)).toThrow('comparison.fleet.image, comparison.fleet.p95;');
});

it('takes its place in the page, and is written again without touching the rest', () => {
  const page = withComparison(`${emptyPage('coordination')}\nBy hand.\n`, results);
  expect(page).toContain('By hand.\n\n<!-- comparison');
  expect(withComparison(page, results)).toBe(page);
  const later = withComparison(page.replace('By hand.', 'Otherwise.'), results);
  expect(later).toContain('Otherwise.');
  expect(() => withComparison(page.replace('<!-- end of the comparison -->', ''), results)).toThrow('mark');
});
