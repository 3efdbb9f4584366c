import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clearsExprPolicy,
  policyFromPorts,
  policyFromRules,
  validateExprPolicy,
  validateRules,
} from '../../src/validation/index.ts';
import { loadVectors } from '../wire/vectors.ts';

interface RuleVectors {
  rules: { rules_json: string; stored_json?: string; policy_json?: string; error?: string }[];
  allowed_ports: { allowed_ports: number[] | null; policy_json: string }[];
}

const vectors = loadVectors<RuleVectors>('rules_blueprints_urls.json');
const good = { links: 2, cycle: '1h', prune: 1, prune_by: 'age', fill: 1, fill_how: 'random' };

describe('rules', () => {
  it.each(vectors.rules)('checks $rules_json', ({ rules_json, stored_json, policy_json, error }) => {
    const checked = validateRules(rules_json);
    if (error !== undefined) {
      expect(checked).toEqual({ ok: false, error });
      return;
    }
    expect(checked.ok && checked.value.stored).toBe(stored_json);
    expect(checked.ok && policyFromRules(checked.value.rules)).toBe(policy_json);
  });

  it.each(vectors.rules.filter(({ rules_json }) => rules_json.startsWith('{')))(
    'treats $rules_json as an object like the text',
    ({ rules_json }) => {
      expect(validateRules(JSON.parse(rules_json) as object)).toEqual(validateRules(rules_json));
    },
  );

  it('stores the fields in fixed order, without unknown ones', () => {
    const checked = validateRules({ extra: 1, grace: '5m', ...good });
    expect(checked.ok && checked.value.stored).toBe(
      '{"links":2,"cycle":"1h","prune":1,"prune_by":"age","fill":1,"fill_how":"random","grace":"5m"}',
    );
  });

  it('matches names in either case and reads null and an empty grace as missing', () => {
    expect(validateRules({ ...good, links: undefined, LINKS: 3, grace: '' })).toEqual(
      validateRules({ ...good, links: 3 }),
    );
    const upper = Object.fromEntries(
      Object.entries(good).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(validateRules({ ...upper, grace: '', Extra: null })).toEqual(validateRules(good));
    expect(validateRules({ ...good, grace: null })).toEqual(validateRules(good));
    expect(validateRules('null')).toEqual({ ok: false, error: 'rules: links must be >= 1 (got 0)' });
  });

  it.each([
    ['', 'rules: invalid JSON: unexpected end of JSON input'],
    [
      '{"links":1.5}',
      'rules: invalid JSON: json: cannot unmarshal number 1.5 into Go struct field NetworkRules.links of type int',
    ],
    [
      '{"links":true}',
      'rules: invalid JSON: json: cannot unmarshal bool into Go struct field NetworkRules.links of type int',
    ],
    [
      '{"cycle":1}',
      'rules: invalid JSON: json: cannot unmarshal number into Go struct field NetworkRules.cycle of type string',
    ],
    [
      '{"fill":[],"links":""}',
      'rules: invalid JSON: json: cannot unmarshal array into Go struct field NetworkRules.fill of type int',
    ],
    ['[]', 'rules: invalid JSON: json: cannot unmarshal array into Go value of type NetworkRules'],
    ['7', 'rules: invalid JSON: json: cannot unmarshal number into Go value of type NetworkRules'],
  ])('refuses %s', (text, error) => {
    expect(validateRules(text)).toEqual({ ok: false, error });
  });

  it('reports the first violation in the order of the specification', () => {
    const broken = { links: 0, cycle: '1s', prune: -1, fill: -1, prune_by: 'x', fill_how: 'y', grace: '-1s' };
    const fixes: [fix: Partial<typeof broken>, error: string][] = [
      [{}, 'links must be >= 1 (got 0)'],
      [{ links: 1 }, 'cycle must be >= 1m (got 1s)'],
      [{ cycle: '1m' }, 'prune must be >= 0 (got -1)'],
      [{ prune: 2 }, 'fill must be >= 0 (got -1)'],
      [{ fill: 2 }, 'prune (2) cannot exceed links (1)'],
      [{ prune: 1 }, 'fill (2) cannot exceed links (1)'],
      [{ fill: 1 }, 'unknown prune_by strategy "x" (want score|age|activity)'],
      [{ prune_by: 'score' }, 'unknown fill_how strategy "y" (want random)'],
      [{ fill_how: 'random' }, 'grace must be >= 0'],
    ];
    let rules = broken;
    for (const [fix, error] of fixes) {
      rules = { ...rules, ...fix };
      expect(validateRules(rules)).toEqual({ ok: false, error: `rules: ${error}` });
    }
    expect(validateRules({ ...rules, grace: '0' }).ok).toBe(true);
  });

  it('never throws, and its stored form is accepted unchanged', () => {
    const field = fc.oneof(
      fc.integer({ min: -2, max: 5 }),
      fc.constantFrom('1h', '24h', 'age', 'random', '', '5s'),
      fc.constant(null),
    );
    const names = fc.constantFrom(
      'links',
      'cycle',
      'prune',
      'prune_by',
      'fill',
      'fill_how',
      'grace',
      'other',
    );
    fc.assert(
      fc.property(
        fc.dictionary(names, field, { noNullPrototype: true }),
        fc.boolean(),
        (changes, fromGood) => {
          const checked = validateRules(fromGood ? { ...good, ...changes } : changes);
          if (!checked.ok) expect(checked.error).toMatch(/^rules: /);
          else expect(validateRules(checked.value.stored)).toEqual(checked);
        },
      ),
    );
    fc.assert(fc.property(fc.string(), (text) => !validateRules(text).ok));
  });
});

describe('policy documents', () => {
  it.each(vectors.allowed_ports)('allows the ports $allowed_ports', ({ allowed_ports, policy_json }) => {
    expect(policyFromPorts(allowed_ports ?? [])).toBe(policy_json);
  });
});

describe('expression policies', () => {
  const atCreation = { requireRules: false };
  const whenSet = { requireRules: true };

  it('stores a text as sent and an object encoded', () => {
    const text = '{ "version": 1, "rules": [] }';
    expect(validateExprPolicy(text, whenSet)).toEqual({ ok: true, value: text });
    expect(validateExprPolicy({ version: 1, rules: [{ match: 'a<b' }] }, whenSet)).toEqual({
      ok: true,
      value: String.raw`{"rules":[{"match":"a\u003cb"}],"version":1}`,
    });
  });

  it.each([
    ['{"version":2}', 'expr_policy: unsupported version 2 (want 1)'],
    ['{}', 'expr_policy: unsupported version 0 (want 1)'],
    ['null', 'expr_policy: unsupported version 0 (want 1)'],
    [undefined, 'expr_policy: unsupported version 0 (want 1)'],
    ['{', 'expr_policy: invalid JSON: unexpected end of JSON input'],
    ['', 'expr_policy: invalid JSON: unexpected end of JSON input'],
    ['[]', 'expr_policy: invalid JSON: json: cannot unmarshal array into Go value of type PolicyDocument'],
    [7, 'expr_policy: invalid JSON: json: cannot unmarshal number into Go value of type PolicyDocument'],
    [
      { version: '1' },
      'expr_policy: invalid JSON: json: cannot unmarshal string into Go struct field PolicyDocument.version of type int',
    ],
  ])('refuses %j everywhere', (value, error) => {
    expect(validateExprPolicy(value, atCreation)).toEqual({ ok: false, error });
    expect(validateExprPolicy(value, whenSet)).toEqual({ ok: false, error });
  });

  it('requires rules only when set', () => {
    for (const value of ['{"version":1}', { version: 1, rules: null }]) {
      expect(validateExprPolicy(value, atCreation).ok).toBe(true);
      expect(validateExprPolicy(value, whenSet)).toEqual({
        ok: false,
        error: 'expr_policy: at least one rule is required',
      });
    }
    expect(validateExprPolicy({ version: 1, rules: 'x' }, atCreation).ok).toBe(true);
    expect(validateExprPolicy({ version: 1, rules: 'x' }, whenSet)).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^expr_policy: invalid JSON: json: cannot unmarshal string/),
    });
  });

  it('knows what clears a policy', () => {
    expect(['', 'null', null, '{}', undefined, 0].map(clearsExprPolicy)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it('never throws on any JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (value, requireRules) => {
        const checked = validateExprPolicy(value, { requireRules });
        if (checked.ok) expect(JSON.parse(checked.value)).toBeDefined();
        else expect(checked.error).toMatch(/^expr_policy: /);
      }),
    );
  });
});
