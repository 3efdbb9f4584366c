import { describe, expect, it } from 'vitest';
import { JobBudget } from '../../src/pump/job-budget.ts';

const MINUTE = 60_000;
const MIB = 1_048_576;

function budget(facts: { size?: number; received?: number }): number {
  const made = new JobBudget();
  if (facts.size !== undefined) made.sizeKnown(facts.size);
  if (facts.received !== undefined) made.received(facts.received);
  return made.totalMs;
}

describe('JobBudget', () => {
  it('is five minutes, and a second more for every 10 MiB of a known size, up to thirty minutes', () => {
    expect(budget({})).toBe(5 * MINUTE);
    expect(budget({ size: 10 * MIB - 1 })).toBe(5 * MINUTE);
    expect(budget({ size: 10 * MIB })).toBe(5 * MINUTE + 1_000);
    expect(budget({ size: 1_024 * MIB, received: 500 * MIB })).toBe(5 * MINUTE + 102_000);
    expect(budget({ size: 2 ** 50 })).toBe(30 * MINUTE);
  });

  it('grows by five minutes with every 50 MiB of an unknown size, up to thirty minutes', () => {
    expect(budget({ received: 50 * MIB - 1 })).toBe(5 * MINUTE);
    expect(budget({ received: 50 * MIB })).toBe(10 * MINUTE);
    expect(budget({ received: 149 * MIB })).toBe(15 * MINUTE);
    expect(budget({ received: 2 ** 40 })).toBe(30 * MINUTE);
  });

  it('does not shrink when a body begins anew', () => {
    const made = new JobBudget();
    made.received(60 * MIB);
    made.received(0);
    expect(made.totalMs).toBe(10 * MINUTE);
  });
});
