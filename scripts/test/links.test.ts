import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../packages.ts';

const pages = globSync(
  ['*.md', 'docs/**/*.md', 'packages/*/README.md', 'interop/*.md', 'benchmarks/**/*.md'],
  {
    cwd: root,
    exclude: (path) => path.includes('node_modules'),
  },
);

/** The anchor that a heading gets. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll(/[`*]/g, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchors(path: string): ReadonlySet<string> {
  const text = readFileSync(path, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  return new Set([...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading)));
}

test.each(pages)('links of %s lead somewhere', (page) => {
  const path = join(root, page);
  const text = readFileSync(path, 'utf8').replaceAll(/^```[\s\S]*?^```/gm, '');
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : join(dirname(path), file);
    expect(existsSync(found), target).toBe(true);
    if (anchor !== undefined) expect(anchors(found), target).toContain(anchor);
  }
});
