import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { distanceOf, examineVersions, OLDEST_NODE } from '../../../src/doctor/checks/versions.ts';

const FACTS = { node: '26.10.0', own: '0.1.0', packages: new Map([['@muster/core', '0.1.0']]), running: [] };

describe('versions', () => {
  it('needs the Node that package.json asks for', async () => {
    const manifest = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
    const { engines } = JSON.parse(manifest) as { engines: { node: string } };
    expect(engines.node).toBe(`>=${OLDEST_NODE}`);
    expect(examineVersions(FACTS).map(({ status }) => status)).toEqual(['ok', 'ok']);
    const [node] = examineVersions({ ...FACTS, node: '22.1.0' });
    expect(node).toMatchObject({ status: 'problem', what: 'Node' });
    expect(node?.fix).toContain('newer Node');
  });

  it('finds packages of other versions in one installation', () => {
    const packages = new Map([
      ['@muster/core', '0.1.0'],
      ['@muster/registry', '0.0.9'],
    ]);
    expect(examineVersions({ ...FACTS, packages })[1]).toMatchObject({
      status: 'problem',
      found: 'muster 0.1.0 is installed with @muster/registry 0.0.9',
    });
  });

  it('finds services of other versions, and says how far they are apart', () => {
    const running = [
      { owner: 'alpha', version: '0.1.0' },
      { owner: 'beta', version: '0.1.3' },
      { owner: 'gamma', version: '0.2.0' },
      { owner: 'delta', version: '0.2.0' },
      { owner: 'epsilon', version: undefined },
    ];
    const [, , patch, major] = examineVersions({ ...FACTS, running });
    expect(patch).toMatchObject({ status: 'warning', found: 'beta: 0.1.3, this program is 0.1.0' });
    expect(major).toMatchObject({ status: 'problem', found: 'gamma, delta: 0.2.0, this program is 0.1.0' });
    expect(examineVersions({ ...FACTS, running: running.slice(0, 1) })[2]?.status).toBe('ok');
  });

  it.each([
    ['1.2.3', '1.2.3', 'same'],
    ['v1.2.3', '1.2.4-rc.1', 'patch'],
    ['1.2.3', '1.3.0', 'minor'],
    ['0.2.3', '0.3.0', 'major'],
    ['1.2.3', '2.0.0', 'major'],
    ['1.2.3', 'newest', 'unknown'],
  ])('%s and %s: %s', (one, other, distance) => {
    expect(distanceOf(one, other)).toBe(distance);
  });
});
