import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Manifest, publishedManifest, publishedPackages } from '../../packages.ts';
import { BUDGETS_KIB, contentProblems, manifestProblems } from '../../publish/tarball.ts';

const GOOD = {
  name: 'x',
  version: '1.0.0',
  description: 'x',
  keywords: ['x'],
  license: 'Apache-2.0',
  files: ['dist'],
  type: 'module',
  sideEffects: false,
  engines: { node: '>=24' },
  exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' } },
  publishConfig: { access: 'public' },
} as unknown as Manifest;
const FILES = ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts'];

describe('what is published', () => {
  test.each(publishedPackages())('$manifest.name says of itself what it should', ({ manifest, folder }) => {
    const whole = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    expect(manifestProblems(publishedManifest(whole))).toEqual([]);
    expect(BUDGETS_KIB[manifest.name]).toBeGreaterThan(0);
  });

  test('has all fields, the licence, and its types first', () => {
    expect(manifestProblems(GOOD)).toEqual([]);
    const { engines: _, ...without } = GOOD as Manifest & { engines?: unknown };
    expect(manifestProblems(without)).toEqual(['package.json has no engines']);
    const exports = { '.': { default: './dist/index.js', types: './dist/index.d.ts' } };
    expect(manifestProblems({ ...GOOD, exports })).toEqual([expect.stringContaining('types of .')]);
    expect(manifestProblems({ ...GOOD, scripts: { build: 'x' } })).toEqual([
      'package.json publishes scripts',
    ]);
  });

  test('lacks nothing that it points to, and holds nothing else', () => {
    expect(contentProblems(GOOD, FILES)).toEqual([]);
    expect(contentProblems(GOOD, FILES.slice(1))).toEqual(['the tarball lacks LICENSE']);
    expect(contentProblems(GOOD, [...FILES, 'dist/index.ts', 'dist/test/a.js', 'dist/k.pem'])).toHaveLength(
      3,
    );
  });
});
