import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SequenceMatcher } from '../../src/heartbeat/sequence.ts';

describe('matching answers with heartbeats (11.3 e)', () => {
  it('takes the answer with the number that was sent', () => {
    const matcher = new SequenceMatcher();
    matcher.sent(1);
    expect(matcher.classify({ seq: 1, isError: false })).toBe('answer');
  });

  it('DEF-7: knows a late answer, and does not take it for the next heartbeat', () => {
    const matcher = new SequenceMatcher();
    matcher.sent(1);
    matcher.givenUp();
    matcher.sent(2);
    expect(matcher.classify({ seq: 1, isError: false })).toBe('late');
    expect(matcher.classify({ seq: 2, isError: false })).toBe('answer');
    expect(matcher.classify({ seq: 2, isError: false })).toBe('late');
  });

  it('believes a peer that echoes no number only while nothing went unanswered', () => {
    const matcher = new SequenceMatcher();
    matcher.sent(1);
    expect(matcher.classify({ isError: false })).toBe('answer');
    matcher.sent(2);
    matcher.givenUp();
    matcher.sent(3);
    expect(matcher.classify({ isError: false })).toBe('late');
  });

  it('takes a frame without a number from a peer that echoes them for a notice', () => {
    const matcher = new SequenceMatcher();
    matcher.sent(1);
    matcher.classify({ seq: 1, isError: false });
    expect(matcher.classify({ isError: false })).toBe('notice');
    matcher.sent(2);
    expect(matcher.classify({ isError: false })).toBe('notice');
    expect(matcher.classify({ seq: 2, isError: false })).toBe('answer');
  });

  it('takes an error without a number for the answer: who refuses a stream has read nothing', () => {
    const matcher = new SequenceMatcher();
    matcher.sent(1);
    expect(matcher.classify({ isError: true })).toBe('answer');
  });

  it('never takes two frames for the answer to one heartbeat', () => {
    const frame = fc.record({ seq: fc.option(fc.nat(5)), isError: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fc.array(frame), { maxLength: 6 }), (rounds) => {
        const matcher = new SequenceMatcher();
        for (const [index, frames] of rounds.entries()) {
          matcher.sent(index);
          const roles = frames.map(({ seq, isError }) =>
            matcher.classify({ ...(seq !== null && { seq }), isError }),
          );
          expect(roles.filter((role) => role === 'answer').length).toBeLessThanOrEqual(1);
          matcher.givenUp();
        }
      }),
    );
  });
});
