import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide } from '../../src/cold-start/rules.ts';
import type { Decision, ProbeAnswer, RuleInput } from '../../src/cold-start/rules.ts';
import type { FailureClass } from '../../src/types.ts';
import { idle } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';

const classes = fc.constantFrom<FailureClass>('', 'auth', 'not_found', 'rate_limited', 'transient');
const answer = fc.record({
  hasCached: fc.boolean(),
  inFlight: fc.boolean(),
  isStalled: fc.boolean(),
  recentlyFailed: fc.boolean(),
  failureClass: classes,
  rank: fc.nat(9),
  isFromBefore: fc.boolean(),
  cooldownUntil: fc.option(fc.nat(100), { nil: undefined }),
});
const inputs = fc.record({
  answers: fc.array(answer, { maxLength: 6 }),
  selfAt: fc.integer({ min: -1, max: 5 }),
  excludedAt: fc.array(fc.nat(5), { maxLength: 3 }),
  trustedClasses: fc.subarray<FailureClass>(['auth', 'not_found', 'rate_limited', 'transient']),
  health: fc.constantFrom(0, 0.29, 0.3, 0.69, 0.7, 1),
  isExpanded: fc.boolean(),
  canExpand: fc.boolean(),
});

type Generated = typeof inputs extends fc.Arbitrary<infer T> ? T : never;

function ruleInput(generated: Generated): RuleInput {
  const { answers, selfAt, excludedAt, ...rest } = generated;
  return {
    ...rest,
    excluded: new Set(excludedAt.map((index) => `n${index}`)),
    answers: answers.map(({ rank, isStalled, isFromBefore, cooldownUntil, ...said }, index): ProbeAnswer => ({
      node: clusterNode(`n${index}`),
      rank,
      isStalled,
      isFromBefore,
      isSelf: index === selfAt,
      intent: idle({ ...said, rank: 3, ...(cooldownUntil === undefined ? {} : { cooldownUntil }) }),
    })),
  };
}

/** Which rule applies, written down once more, as the table of the specification has it. */
function expectedRule(input: RuleInput): Decision['rule'] {
  const { answers, trustedClasses, excluded, isExpanded, canExpand, health } = input;
  const failed = answers.filter(({ intent }) => intent.recentlyFailed);
  if (failed.some(({ intent }) => trustedClasses.includes(intent.failureClass))) return 1;
  if (answers.some(({ intent }) => intent.hasCached)) return 2;
  if (answers.some((a) => a.intent.inFlight && !a.isStalled && !excluded.has(a.node.id))) return 3;
  if (failed.some(({ intent }) => intent.failureClass === 'transient')) return 4;
  const mayExpand = !isExpanded && canExpand;
  if (answers.length === 0) return mayExpand ? 5 : 'unreachable';
  return mayExpand && health < 0.7 ? 6 : 7;
}

describe('the rules', () => {
  it('apply in their order, whatever the answers are', () => {
    fc.assert(
      fc.property(inputs, (generated) => {
        const input = ruleInput(generated);
        expect(decide(input).rule).toBe(expectedRule(input));
      }),
      { numRuns: 1_000 },
    );
  });

  it('do not depend on the order in which answers came', () => {
    fc.assert(
      fc.property(inputs, (generated) => {
        const distinct = generated.answers.map((said, rank) => ({ ...said, rank }));
        const input = ruleInput({ ...generated, answers: distinct });
        const decision = decide(input);
        expect(decide({ ...input, answers: input.answers.toReversed() })).toEqual(decision);
      }),
    );
  });

  it('elect the best of those who may, by our rank of them', () => {
    fc.assert(
      fc.property(inputs, (generated) => {
        const input = ruleInput(generated);
        const decision = decide(input);
        if (decision.rule !== 7) return;
        const ranks = decision.candidates.map(({ rank }) => rank);
        expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
        const isAnyCurrent = input.answers.some(({ isFromBefore }) => !isFromBefore);
        for (const candidate of decision.candidates) {
          expect(input.excluded.has(candidate.node.id)).toBe(false);
          expect(isAnyCurrent && candidate.isFromBefore).toBe(false);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('take our own hit before any other', () => {
    const hit = (index: number, isSelf: boolean): ProbeAnswer => ({
      node: clusterNode(`n${index}`),
      rank: index,
      isSelf,
      isFromBefore: false,
      isStalled: false,
      intent: idle({ hasCached: true }),
    });
    const input: RuleInput = {
      answers: [hit(0, false), hit(1, false), hit(2, true)],
      isExpanded: false,
      canExpand: true,
      health: 1,
      trustedClasses: ['auth'],
      excluded: new Set(),
    };
    expect(decide(input)).toMatchObject({ rule: 2, answer: { rank: 2 } });
    expect(decide({ ...input, answers: input.answers.slice(0, 2).toReversed() })).toMatchObject({
      answer: { rank: 0 },
    });
  });

  it('take the latest of the cool-downs', () => {
    const cooling = (index: number, cooldownUntil?: number): ProbeAnswer => ({
      node: clusterNode(`n${index}`),
      rank: index,
      isSelf: false,
      isFromBefore: false,
      isStalled: false,
      intent: idle({
        recentlyFailed: true,
        failureClass: 'transient',
        ...(cooldownUntil === undefined ? {} : { cooldownUntil }),
      }),
    });
    const input: RuleInput = {
      answers: [cooling(0, 5), cooling(1, 9), cooling(2)],
      isExpanded: false,
      canExpand: true,
      health: 1,
      trustedClasses: ['auth'],
      excluded: new Set(),
    };
    expect(decide(input)).toEqual({ rule: 4, cooldownUntil: 9 });
    expect(decide({ ...input, answers: [cooling(2)] })).toEqual({ rule: 4, cooldownUntil: undefined });
  });
});
