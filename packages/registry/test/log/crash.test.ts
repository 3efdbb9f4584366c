import { describe, expect, it } from 'vitest';
import { crashEverywhere } from './support/crash.ts';
import { sequences, STEPS } from './support/scenario.ts';

describe('a crash after any change, in any way', () => {
  it('of opening an empty store', async () => {
    expect(await crashEverywhere([], {})).toBeGreaterThan(20);
  });

  it.each([1, 2])('of every sequence of %i steps', async (length) => {
    for (const steps of sequences(length)) expect(await crashEverywhere(steps, {})).toBeGreaterThan(3);
  });

  it.each(STEPS)('of every sequence of three steps that begins with "%s"', async (first) => {
    for (const rest of sequences(2)) expect(await crashEverywhere([first, ...rest], {})).toBeGreaterThan(3);
  });

  it.each(['strict', 'async'] as const)(
    'of every sequence of two steps with durability %s',
    async (durability) => {
      for (const steps of sequences(2))
        expect(await crashEverywhere(steps, { durability })).toBeGreaterThan(3);
    },
  );

  it('of every sequence of two steps when no segment is ever full', async () => {
    const options = { segmentBytes: 1_000_000 };
    for (const steps of sequences(2)) expect(await crashEverywhere(steps, options)).toBeGreaterThan(3);
  });
});
