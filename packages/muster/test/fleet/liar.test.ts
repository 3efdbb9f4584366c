import { expect, test } from 'vitest';
import { misbehaviourOf } from '../../src/fleet/liar.ts';

test('nobody misbehaves unless a fleet under supervision asks for it', () => {
  expect(misbehaviourOf({})).toBeUndefined();
  expect(misbehaviourOf({ MUSTER_MISBEHAVE: '', MUSTER_SUPERVISED: '1' })).toBeUndefined();
  expect(misbehaviourOf({ MUSTER_MISBEHAVE: 'lie', MUSTER_SUPERVISED: '1' })).toBe('lie');
});

test('without supervision, or with another word, it is refused', () => {
  for (const environment of [
    { MUSTER_MISBEHAVE: 'lie' },
    { MUSTER_MISBEHAVE: 'lie', MUSTER_SUPERVISED: '0' },
    { MUSTER_MISBEHAVE: 'steal', MUSTER_SUPERVISED: '1' },
  ]) {
    expect(() => misbehaviourOf(environment)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  }
});
