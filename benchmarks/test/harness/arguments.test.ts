import { describe, expect, it } from 'vitest';
import { isTouched, isWanted, parseArguments } from '../../harness/arguments.ts';

describe('the command line of a benchmark', () => {
  it('names the service and how to run it', () => {
    expect(parseArguments(['registry'])).toEqual({
      service: 'registry',
      quick: false,
      json: false,
      only: [],
      original: undefined,
    });
    expect(parseArguments(['--json', 'registry', '--quick', '--only', 'echo,heartbeat'])).toEqual({
      service: 'registry',
      quick: true,
      json: true,
      only: ['echo', 'heartbeat'],
      original: undefined,
    });
    expect(parseArguments(['registry', '--only=log.append']).only).toEqual(['log.append']);
    expect(parseArguments(['registry', '--original', '9000']).original).toBe(9000);
  });

  it.each([
    [[]],
    [['--fast', 'registry']],
    [['registry', 'other']],
    [['registry', '--only']],
    [['../x']],
    [['registry', '--original', 'x']],
  ])('is refused: %j', (argv) => {
    expect(() => parseArguments(argv)).toThrow(/usage: npm run bench/);
  });

  it('selects ids by name and by beginning', () => {
    expect(isWanted([], ['anything'])).toBe(true);
    expect(isWanted(['heartbeat'], ['heartbeat.unpipelined'])).toBe(true);
    expect(isWanted(['heartbeat.unpipelined'], ['heartbeat.pipelined16'])).toBe(false);
    expect(isWanted(['list'], ['listing'])).toBe(false);
    expect(isWanted(['ready.1m'], ['memory.1m', 'ready.1m'])).toBe(true);
  });

  it('runs a group when one of its ids is wanted, and no other', () => {
    expect(isTouched(['heartbeat.unpipelined'], ['echo', 'heartbeat'])).toBe(true);
    expect(isTouched(['heartbeat'], ['heartbeat.unpipelined', 'lookup.unpipelined'])).toBe(true);
    expect(isTouched(['heartbeat.unpipelined'], ['lookup', 'list'])).toBe(false);
    expect(isTouched([], ['list'])).toBe(true);
  });
});
