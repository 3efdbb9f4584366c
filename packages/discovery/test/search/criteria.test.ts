import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criteriaIn, criteriaOf, criteriaProblem, matches } from '../../src/search/criteria.ts';
import { VECTOR_DID, VECTOR_PEER } from '../records/vectors.ts';

const alpha = { peer_id: VECTOR_PEER, did: VECTOR_DID, name: 'Alpha-Node' };

describe('criteriaOf', () => {
  it('tells peer ids, DIDs and names apart', () => {
    expect(criteriaOf(VECTOR_PEER)).toEqual({ peer_id: VECTOR_PEER });
    expect(criteriaOf(VECTOR_DID)).toEqual({ did: VECTOR_DID });
    expect(criteriaOf('alp')).toEqual({ name: 'alp' });
  });
});

describe('matches', () => {
  it.each([
    [{ name: 'ALPHA' }, true],
    [{ name: 'a-n' }, true],
    [{ name: 'beta' }, false],
    [{ peer_id: VECTOR_PEER }, true],
    [{ peer_id: VECTOR_PEER.slice(0, -1) }, false],
    [{ did: VECTOR_DID }, true],
    [{ did: VECTOR_DID.slice(0, 8) }, false],
    [{ did: VECTOR_DID, name: 'beta' }, true],
    [{ peer_id: '', did: '', name: '' }, false],
    [{}, false],
  ])('%j: %s', (criteria, expected) => {
    expect(matches(criteria, alpha)).toBe(expected);
  });

  it('finds every part of a name, in any case', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(), fc.nat(), (name, from, length) => {
        const part = name.slice(from % name.length, (from % name.length) + 1 + (length % name.length));
        return matches({ name: part.toLowerCase() }, { ...alpha, name });
      }),
    );
  });
});

describe('criteriaProblem', () => {
  it('asks for a criterion, and for 2 characters of a name', () => {
    expect(criteriaProblem({}, 2)).toBeDefined();
    expect(criteriaProblem({ name: '' }, 2)).toBeDefined();
    expect(criteriaProblem({ name: 'a' }, 2)).toBeDefined();
    expect(criteriaProblem({ name: '\u{1F680}' }, 2)).toBeDefined();
    expect(criteriaProblem({ name: 'ab' }, 2)).toBeUndefined();
    expect(criteriaProblem({ peer_id: 'x' }, 2)).toBeUndefined();
  });

  it('leaves out empty texts', () => {
    expect(criteriaIn({ peer_id: '', did: 'x', name: '' })).toEqual({ did: 'x' });
  });
});
