import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVisible } from '../../src/stores/access-filter.ts';
import { DATA_TYPES, dataTypeOf } from '../../src/stores/data-types.ts';
import { MemoryPlannerProvider } from '../../src/stores/planner-provider.ts';
import type { AccessFilter, Resource } from '../../src/stores/resource-store.ts';

const filter: AccessFilter = {
  ownId: 'own',
  requester: { peer: 'peer-q', did: 'did-q' },
  groups: ['lab'],
  text: '',
};

function partnered(peerGroups: Record<string, readonly string[]>): Resource {
  return {
    id: 'r',
    creator_id: 'own',
    access_mode: 0,
    instances: [{}, { partnerships: [{}, { peer_groups: peerGroups }] }],
  };
}

const open: Resource = {
  id: 'r',
  creator_id: 'own',
  access_mode: 1,
  name: 'GPU farm',
  type: 'compute',
  short_description: 'Fast',
  description: 'Very fast cards',
  owners: [{ name: 'Ada' }],
};

describe('who may see a resource (20.5)', () => {
  it('anyone, when it is public and ours', () => {
    expect(isVisible(open, filter)).toBe(true);
    expect(isVisible({ ...open, creator_id: 'other' }, filter)).toBe(false);
    expect(isVisible({ ...open, access_mode: 0 }, filter)).toBe(false);
    expect(isVisible({ id: 'r', access_mode: 1 }, filter)).toBe(false);
    expect(isVisible({ ...open, creator_id: '' }, { ...filter, ownId: '' })).toBe(false);
  });

  it('partners with one of the groups, by peer id or DID of the requester', () => {
    expect(isVisible(partnered({ 'peer-q': ['lab'] }), filter)).toBe(true);
    expect(isVisible(partnered({ 'did-q': ['x', 'lab'] }), filter)).toBe(true);
    expect(isVisible(partnered({ 'peer-q': ['*'] }), { ...filter, groups: [] })).toBe(true);
    expect(isVisible(partnered({ 'peer-q': ['office'] }), filter)).toBe(false);
    expect(isVisible(partnered({ 'peer-q': ['lab'] }), { ...filter, groups: [] })).toBe(false);
    expect(isVisible(partnered({ 'peer-z': ['lab'] }), filter)).toBe(false);
  });

  it('no one because of groups under our own id (F:80), or of all peers', () => {
    expect(isVisible(partnered({ own: ['lab', '*'] }), filter)).toBe(false);
    expect(isVisible(partnered({ '*': ['lab'] }), filter)).toBe(false);
    expect(isVisible(partnered({ '': ['lab'] }), { ...filter, requester: { peer: 'peer-q', did: '' } })).toBe(
      false,
    );
  });

  it('a requester that claims the group of all gains no more than the resource grants', () => {
    expect(isVisible(partnered({ 'peer-q': ['office'] }), { ...filter, groups: ['*'] })).toBe(false);
  });

  it('those who ask for part of a text, in any case', () => {
    for (const text of ['gpu', 'COMP', 'fas', 'cards', 'ada'])
      expect(isVisible(open, { ...filter, text })).toBe(true);
    for (const text of ['own', 'nothing', 'GPU  farm'])
      expect(isVisible(open, { ...filter, text })).toBe(false);
    expect(isVisible({ ...partnered({ 'peer-z': ['lab'] }), name: 'x' }, { ...filter, text: 'x' })).toBe(
      false,
    );
  });

  it('no one, when the shape is not what grants access', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (instances, owners) => {
        const resource = {
          id: 'r',
          creator_id: 'own',
          access_mode: 0,
          instances,
          owners,
        } as unknown as Resource;
        expect(isVisible(resource, { ...filter, text: 'x' })).toBe(false);
        expect(isVisible({ ...open, access_mode: '1' as never }, filter)).toBe(false);
      }),
    );
  });
});

describe('types of data', () => {
  it('are given as number or name', () => {
    expect(dataTypeOf(4)).toBe(DATA_TYPES.COMPUTE_RESOURCE);
    expect(dataTypeOf('compute_resource')).toBe(DATA_TYPES.COMPUTE_RESOURCE);
    expect(dataTypeOf(-1)).toBe(DATA_TYPES.ALL);
    for (const value of [14, 1.5, '4', 'constructor', null, {}]) expect(dataTypeOf(value)).toBeUndefined();
  });
});

describe('MemoryPlannerProvider', () => {
  it('plans nothing until told', async () => {
    expect(await new MemoryPlannerProvider().shallowPlan()).toEqual({});
    expect(await new MemoryPlannerProvider({ a: 1 }).shallowPlan()).toEqual({ a: 1 });
  });
});
