import { describe, expect, it } from 'vitest';
import { ReplayGuard } from '../../src/wire/replay-guard.ts';

describe('ReplayGuard', () => {
  const options = { keepMs: 300_000, maxPeers: 2, maxNoncesPerPeer: 3 };

  it('remembers a nonce of a peer for as long as it is told to', () => {
    const guard = new ReplayGuard(options);
    expect(guard.hasSeen('a', 'n', 0)).toBe(false);
    expect(guard.add('a', 'n', 0)).toBe('added');
    expect(guard.hasSeen('a', 'n', 299_999)).toBe(true);
    expect(guard.hasSeen('b', 'n', 299_999)).toBe(false);
    expect(guard.hasSeen('a', 'n', 300_000)).toBe(false);
  });

  it('holds up a sender that fills its share, alone, and never forgets early', () => {
    const guard = new ReplayGuard(options);
    for (let n = 0; n < 3; n++) expect(guard.add('flood', `${n}`, n)).toBe('added');
    expect(guard.add('flood', '3', 3)).toBe('full');
    expect(guard.hasSeen('flood', '0', 3)).toBe(true);
    expect(guard.add('other', '3', 3)).toBe('added');
    expect(guard.add('third', '3', 3)).toBe('full');
    expect(guard.size).toBe(4);
    expect(guard.add('third', '3', 300_003)).toBe('added');
    expect(guard.add('flood', '4', 300_003)).toBe('added');
    expect(guard.size).toBeLessThanOrEqual(6);
  });
});
