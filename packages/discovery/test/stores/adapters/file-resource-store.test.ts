import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FilePlannerProvider, FileResourceStore } from '../../../src/stores/adapters/file-resource-store.ts';
import { DATA_TYPES, RESOURCE_TYPES } from '../../../src/stores/data-types.ts';
import { MemoryResourceStore } from '../../../src/stores/memory-resource-store.ts';
import type { Resource, WritableResourceStore } from '../../../src/stores/resource-store.ts';

const COMPUTE = DATA_TYPES.COMPUTE_RESOURCE;
const DATA = DATA_TYPES.DATA_RESOURCE;
const filter = { ownId: 'own', requester: { peer: 'q' }, groups: [], text: '' };

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-resources-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

function resource(id: string, more: Partial<Resource> = {}): Resource {
  return { id, creator_id: 'own', access_mode: 1, extra: { passes: ['through'] }, ...more };
}

describe.each<[string, () => WritableResourceStore]>([
  ['memory', () => new MemoryResourceStore()],
  ['file', () => new FileResourceStore(join(folder, 'data', 'resources.json'))],
])('resources in %s', (_, make) => {
  it('are found by type, access and text, up to a limit', async () => {
    const store = make();
    expect(await store.search(RESOURCE_TYPES, filter)).toEqual([]);
    await store.put(COMPUTE, resource('c1'));
    await store.put(COMPUTE, resource('c2', { name: 'gpu' }));
    await store.put(COMPUTE, resource('hidden', { access_mode: 0 }));
    await store.put(DATA, resource('d1', { name: 'GPU logs' }));
    const idsOf = async (...args: Parameters<WritableResourceStore['search']>): Promise<string[]> =>
      (await store.search(...args)).map(({ id }) => id);
    expect(await idsOf([COMPUTE], filter)).toEqual(['c1', 'c2']);
    expect(await idsOf(RESOURCE_TYPES, { ...filter, text: 'gpu' })).toEqual(['c2', 'd1']);
    expect(await idsOf([COMPUTE, COMPUTE], filter, 1)).toEqual(['c1']);
    expect(await idsOf([DATA_TYPES.WORKFLOW], filter)).toEqual([]);
  });

  it('are got, replaced and removed by type and id', async () => {
    const store = make();
    await store.put(COMPUTE, resource('x', { name: 'old' }));
    await store.put(COMPUTE, resource('x', { name: 'new' }));
    expect(await store.get(COMPUTE, 'x')).toEqual(resource('x', { name: 'new' }));
    expect(await store.get(DATA, 'x')).toBeUndefined();
    expect(await store.remove(DATA, 'x')).toBe(false);
    expect(await store.remove(COMPUTE, 'x')).toBe(true);
    expect(await store.remove(COMPUTE, 'x')).toBe(false);
    expect(await store.get(COMPUTE, 'x')).toBeUndefined();
  });
});

describe('the file of resources', () => {
  it('is shared with other programs', async () => {
    const path = join(folder, 'resources.json');
    const [here, there] = [new FileResourceStore(path), new FileResourceStore(path)];
    await Promise.all([
      here.put(COMPUTE, resource('a')),
      there.put(COMPUTE, resource('b')),
      here.put(DATA, resource('c')),
    ]);
    for (const store of [here, there, new FileResourceStore(path)]) {
      expect((await store.search(RESOURCE_TYPES, filter)).map(({ id }) => id).sort()).toEqual([
        'a',
        'b',
        'c',
      ]);
    }
    await writeFile(
      path,
      JSON.stringify({
        format: 'muster-resources/1',
        resources: [{ datatype: 'COMPUTE_RESOURCE', resource: resource('by hand') }],
      }),
    );
    expect(await here.get(COMPUTE, 'by hand')).toEqual(resource('by hand'));
    expect(await here.get(COMPUTE, 'a')).toBeUndefined();
  });

  it.each([
    'no JSON',
    '{}',
    '{"format":"muster-resources/1","resources":[{"datatype":99,"resource":{"id":"x"}}]}',
    '{"format":"muster-resources/1","resources":[{"datatype":4,"resource":{}}]}',
  ])('is refused, and left alone, when it holds %s', async (text) => {
    const path = join(folder, 'resources.json');
    await writeFile(path, text);
    const store = new FileResourceStore(path);
    const invalid = { code: 'STORE_INVALID' };
    await expect(store.search(RESOURCE_TYPES, filter)).rejects.toMatchObject(invalid);
    await expect(store.put(COMPUTE, resource('x'))).rejects.toMatchObject(invalid);
    await expect(store.get(COMPUTE, 'x')).rejects.toMatchObject(invalid);
    expect(await readFile(path, 'utf8')).toBe(text);
    await rm(path);
    await store.put(COMPUTE, resource('x'));
    expect(await store.get(COMPUTE, 'x')).toEqual(resource('x'));
  });
});

describe('FilePlannerProvider', () => {
  it('gives what the file holds now', async () => {
    const path = join(folder, 'plan.json');
    const provider = new FilePlannerProvider(path);
    expect(await provider.shallowPlan()).toEqual({});
    await writeFile(path, '{"slots":[1,2]}');
    expect(await provider.shallowPlan()).toEqual({ slots: [1, 2] });
    await writeFile(path, '[');
    await expect(provider.shallowPlan()).rejects.toMatchObject({ code: 'STORE_INVALID' });
  });
});
