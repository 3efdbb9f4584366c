import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EVERY_PEER,
  formatRoute,
  parseRoute,
  ROLES,
  SORT_KEYS,
  STATES,
  VIEWS,
} from '../../page/model/route.ts';

describe('routes', () => {
  it('begins with the fleet', () => {
    expect(parseRoute('')).toEqual({ view: 'fleet', item: undefined, peer: undefined, query: EVERY_PEER });
    expect(parseRoute('#/nowhere?role=king&sort=luck').view).toBe('fleet');
    expect(parseRoute('#/nowhere?role=king&sort=luck').query).toEqual(EVERY_PEER);
  });

  it('comes back from its own text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => value.isWellFormed());
    fc.assert(
      fc.property(
        fc.record({
          view: fc.constantFrom(...VIEWS),
          item: fc.option(
            text.filter((value) => value !== ''),
            { nil: undefined },
          ),
          peer: fc.option(text, { nil: undefined }),
          query: fc.record({
            text,
            role: fc.constantFrom(undefined, ...ROLES),
            state: fc.constantFrom(undefined, ...STATES),
            sort: fc.constantFrom(...SORT_KEYS),
            isDescending: fc.boolean(),
          }),
        }),
        (route) => {
          expect(parseRoute(formatRoute(route))).toEqual(route);
        },
      ),
    );
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (hash) => void parseRoute(`#${hash}`)));
    expect(parseRoute('#/trust/%E0%A4%A').item).toBeUndefined();
  });
});
