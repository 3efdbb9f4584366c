import { describe, expect, it } from 'vitest';
import { parseEndpoint, RegistryTable } from '../../src/origin/registry-table.ts';
import { isRepository, MAX_REPOSITORY_BYTES } from '../../src/repository.ts';

const hub = { name: 'hub', endpoint: 'https://registry.example', nsAlias: 'docker.io' };
const other = { name: 'quay', endpoint: 'https://quay.example' };

describe('RegistryTable', () => {
  it('finds registries by name and by alias', () => {
    const table = new RegistryTable([hub, other]);
    expect(table.get('hub')).toBe(hub);
    expect(table.get('docker.io')).toBe(hub);
    expect(table.get('unknown')).toBeUndefined();
  });

  it('resolves a request without a namespace only when there is one registry', () => {
    expect(new RegistryTable([hub]).forNamespace(undefined)).toBe(hub);
    expect(new RegistryTable([hub]).forNamespace('quay')).toBeUndefined();
    expect(new RegistryTable([hub, other]).forNamespace(undefined)).toBeUndefined();
    expect(new RegistryTable([hub, other]).forNamespace('docker.io')).toBe(hub);
  });

  it('refuses an empty table, names that are empty or taken', () => {
    for (const list of [[], [{ ...hub, name: '' }], [hub, hub], [hub, { ...other, nsAlias: 'hub' }]]) {
      expect(() => new RegistryTable(list)).toThrow(expect.objectContaining({ code: 'ORIGIN_UNKNOWN' }));
    }
    expect(new RegistryTable([{ ...hub, nsAlias: 'hub' }]).get('hub')?.name).toBe('hub');
  });
});

describe('parseEndpoint', () => {
  it('takes http and https, with a path, without the slash at the end', () => {
    expect(parseEndpoint('https://r.example/').href).toBe('https://r.example/');
    expect(parseEndpoint('http://r.example:5000/cache//').href).toBe('http://r.example:5000/cache');
  });

  it.each([
    '',
    'r.example',
    'ftp://r.example',
    'https://u:p@r.example',
    'https://r.example?x=1',
    'https://r/#x',
  ])('refuses %j without repeating it', (text) => {
    expect(() => parseEndpoint(text)).toThrow(expect.objectContaining({ code: 'ORIGIN_UNKNOWN' }));
  });
});

describe('isRepository', () => {
  it.each(['a', 'library/nginx', 'a-b_c.d/e__f/g--h', '0/1'])('takes %j', (name) => {
    expect(isRepository(name)).toBe(true);
  });

  it.each([
    '',
    '/',
    'a/',
    '/a',
    'a//b',
    'A',
    'a/../b',
    '..',
    '.',
    '-a',
    'a-',
    'a b',
    'a%2fb',
    'a?b',
    'a#b',
    'a\n',
    'ä',
  ])('refuses %j', (name) => {
    expect(isRepository(name)).toBe(false);
  });

  it('refuses what is too long', () => {
    expect(isRepository('a'.repeat(MAX_REPOSITORY_BYTES))).toBe(true);
    expect(isRepository('a'.repeat(MAX_REPOSITORY_BYTES + 1))).toBe(false);
  });
});
