import { ManualClock } from '@muster/core/testing';
import { describe, expect, it } from 'vitest';
import { HeadLookup, type HeadLookupParts } from '../../src/mirror/head-lookup.ts';
import type { Descriptor } from '../../src/parts.ts';
import { Suppressions } from '../../src/sessions/suppression.ts';
import type { Digest, PullIntent } from '../../src/types.ts';
import { idle, TestMembers } from '../support/cascade-harness.ts';
import { clusterNode } from '../support/election-models.ts';
import { testDigest } from '../support/vectors.ts';

const digest = testDigest(1);
const request = {
  digest,
  kind: 'blob',
  registry: 'hub',
  repository: 'a',
  signal: new AbortController().signal,
} as const;

function harness(
  changes: Partial<HeadLookupParts> & { readonly intent?: (node: string) => Partial<PullIntent> } = {},
) {
  const clock = new ManualClock();
  const known = new Map<Digest, Descriptor>();
  const asked: string[] = [];
  const lookup = new HeadLookup({
    descriptors: { get: (key) => known.get(key), learn: (key, value) => void known.set(key, value) },
    discovery: { findProviders: async () => [] },
    transfer: {
      head: async ({ provider }) => {
        asked.push(`head ${provider.addr}`);
        return undefined;
      },
    },
    coordinator: {
      pullIntent: async (node) => {
        asked.push(`intent ${node}`);
        return idle(changes.intent?.(node) ?? {});
      },
    },
    members: new TestMembers(
      'n0',
      ['n0', 'n1', 'n2'].map((id) => clusterNode(id)),
    ),
    suppression: new Suppressions(clock, () => undefined),
    origins: new Map([
      [
        'hub',
        {
          name: 'hub',
          open: async () => {
            throw new Error('a HEAD must not read');
          },
          head: async () => {
            asked.push('origin');
            return { size: 7, mediaType: 'text/plain' };
          },
        },
      ],
    ]),
    clock,
    timers: clock,
    options: { hrwK: 3 },
    ...changes,
  });
  return { lookup, known, asked, clock };
}

describe('HeadLookup', () => {
  it('knows it from a manifest', async () => {
    const { lookup, known, asked } = harness();
    known.set(digest, { size: 5 });
    expect(await lookup.find(request)).toEqual({ size: 5, source: 'cache' });
    expect(asked).toEqual([]);
  });

  it('asks three providers at most, then what the owners pull', async () => {
    const providers = Array.from({ length: 10 }, (_, index) => ({
      nodeId: `p${index}`,
      addr: `p${index}:1`,
    }));
    const { lookup, asked } = harness({
      discovery: { findProviders: async () => providers },
      intent: (node) => (node === 'n2' ? { inFlight: true, totalBytes: 9 } : {}),
    });
    expect(await lookup.find(request)).toEqual({ size: 9, source: 'peer' });
    expect(asked.filter((call) => call.startsWith('head'))).toHaveLength(3);
    expect(asked.filter((call) => call.startsWith('intent')).sort()).toEqual(['intent n1', 'intent n2']);
  });

  it('asks an owner that has it for its size, and remembers it', async () => {
    const { lookup, known } = harness({
      intent: (node) => ({ hasCached: node === 'n1' }),
      transfer: { head: async ({ provider }) => ({ size: provider.addr.length, mediaType: undefined }) },
    });
    expect(await lookup.find(request)).toEqual({ size: 'n1:5001'.length, source: 'peer' });
    expect(known.get(digest)?.size).toBe(7);
  });

  it('asks the origin once a second, whatever is asked of it', async () => {
    const { lookup, asked, clock, known } = harness();
    expect(await lookup.find(request)).toEqual({ size: 7, source: 'origin' });
    expect(known.get(digest)).toMatchObject({ size: 7, mediaType: 'text/plain' });
    const other = { ...request, digest: testDigest(2) };
    await expect(lookup.find(other)).rejects.toMatchObject({ code: 'WARM_PATH_EXHAUSTED' });
    clock.advance(1_000);
    expect(await lookup.find(other)).toMatchObject({ source: 'origin' });
    expect(asked.filter((call) => call === 'origin')).toHaveLength(2);
  });

  it('leaves an origin alone that has just failed', async () => {
    const entry = {
      failureCount: 1,
      lastFailureAt: 0,
      failureClass: 'not_found',
      cooldownUntil: 5,
    } as const;
    const { lookup, asked } = harness({ negative: { lookup: () => entry } });
    await expect(lookup.find(request)).rejects.toMatchObject({
      code: 'COOLDOWN_ACTIVE',
      details: { failureClass: 'not_found', cooldownUntil: 5 },
    });
    expect(asked).not.toContain('origin');
  });
});
