import { describe, expect, it } from 'vitest';
import { type AgreementFacts, examineAgreement } from '../../../src/doctor/checks/agreement.ts';

const node = (nodeId: number, name: string, peerId: string | undefined, tags = ['node']) => ({
  nodeId,
  name,
  tags,
  isOnline: true,
  peerId,
});
const AGREED: AgreementFacts = {
  registry: '127.0.0.1:9000',
  network: 3,
  registered: [
    node(1, 'alpha', 'A'),
    node(2, 'indexer-1', 'I', ['indexer']),
    node(3, 'mirror-1', 'M', ['mirror']),
  ],
  isCut: false,
  met: [
    { peerId: 'A', name: 'alpha' },
    { peerId: 'I', name: undefined },
  ],
  mirrors: [{ peerId: 'M', name: 'mirror-1' }],
  selves: [{ owner: 'alpha', peerId: 'A' }],
  expected: [{ name: 'alpha', role: 'node', state: 'running', pid: 1, peerId: 'A', nodeId: 1 }],
};

describe('agreement of registry and overlay', () => {
  it('says so when they agree', () => {
    expect(examineAgreement(AGREED)).toMatchObject([
      {
        status: 'ok',
        what: 'registry 127.0.0.1:9000, network 3',
        found: expect.stringContaining('3 registered'),
      },
    ]);
  });

  it('has nothing to say without an overlay', () => {
    expect(examineAgreement({ ...AGREED, met: undefined, mirrors: undefined })).toEqual([]);
  });

  it('finds who is registered and met by nobody', () => {
    const registered = [...AGREED.registered, node(4, 'beta', 'B'), node(5, 'mirror-2', 'N', ['mirror'])];
    expect(examineAgreement({ ...AGREED, registered })).toMatchObject([
      { status: 'warning', what: 'peers that nobody meets', found: expect.stringContaining('beta') },
      { status: 'warning', what: 'mirrors that nobody meets', found: expect.stringContaining('mirror-2') },
    ]);
  });

  it('does not miss who is off line, or was killed on purpose', () => {
    const registered = [
      ...AGREED.registered,
      { ...node(4, 'beta', 'B'), isOnline: false },
      node(5, 'gamma', 'G'),
    ];
    const gamma = {
      name: 'gamma',
      role: 'node',
      state: 'killed',
      pid: undefined,
      peerId: 'G',
      nodeId: 5,
    } as const;
    const expected = [...AGREED.expected, gamma];
    expect(examineAgreement({ ...AGREED, registered, expected })[0]?.status).toBe('ok');
  });

  it('finds who is met and not registered', () => {
    const met = [...(AGREED.met ?? []), { peerId: 'X', name: 'intruder' }];
    expect(examineAgreement({ ...AGREED, met })).toMatchObject([
      {
        status: 'warning',
        what: 'peers that are not registered',
        found: expect.stringContaining('intruder'),
      },
    ]);
    // Who is in a part of the list that was not compared, or has a key that is not told, may be registered.
    expect(examineAgreement({ ...AGREED, met, isCut: true })[0]?.status).toBe('ok');
    const hidden = [...AGREED.registered, node(9, 'hidden', undefined)];
    expect(examineAgreement({ ...AGREED, met, registered: hidden })[0]?.status).toBe('ok');
  });

  it('finds one name with two keys', () => {
    const met = [
      { peerId: 'A', name: 'alpha' },
      { peerId: 'I', name: 'indexer-1' },
      { peerId: 'Z', name: 'alpha' },
    ];
    const registered = [...AGREED.registered, node(7, 'zeta', 'Z')];
    expect(examineAgreement({ ...AGREED, met, registered })).toMatchObject([
      { status: 'problem', what: 'alpha', found: 'the registry knows alpha as A, the overlay as Z' },
    ]);
  });

  it('finds who runs with another key than it was started with, or is registered with another', () => {
    const selves = [{ owner: 'alpha', peerId: 'Q' }];
    expect(examineAgreement({ ...AGREED, selves })[0]).toMatchObject({
      status: 'problem',
      found: 'it runs as Q, and was started as A',
    });
    const registered = AGREED.registered.map((each) => (each.nodeId === 1 ? { ...each, peerId: 'R' } : each));
    expect(examineAgreement({ ...AGREED, registered })[0]).toMatchObject({
      status: 'problem',
      found: 'node 1 of the registry has the key of R, not of A',
    });
  });

  it('tells the first few of many', () => {
    const many = Array.from({ length: 20 }, (_, index) => node(100 + index, `n${index}`, `P${index}`));
    const [finding] = examineAgreement({ ...AGREED, registered: [...AGREED.registered, ...many] });
    expect(finding?.found).toContain('n7 and 12 more');
  });
});
