import { describe, expect, it } from 'vitest';
import { MAX_PROOFS_PER_CONNECTION, PROOF_SECONDS, Proofs } from '../../src/engine/caller.ts';
import { Harness } from '../support/harness.ts';

/** Nodes of which the proofs know slot, key version and id. */
function nodesOf(count: number) {
  const keyVersion = new Uint32Array(count);
  const ids = Array.from({ length: count }, (_, slot) => slot + 1);
  return { keyVersion, ids, idOf: (slot: number) => ids[slot] as number };
}

describe('what a connection has proven', () => {
  it('holds for several nodes, each for 120 s', () => {
    const proofs = new Proofs(nodesOf(3));
    proofs.add(0, 1000);
    proofs.add(1, 1050);
    expect([0, 1, 2].map((slot) => proofs.has(slot, 1000 + PROOF_SECONDS - 1))).toEqual([true, true, false]);
    expect([0, 1, 2].map((slot) => proofs.has(slot, 1000 + PROOF_SECONDS))).toEqual([false, true, false]);
    proofs.add(0, 1100);
    expect([0, 1].map((slot) => proofs.has(slot, 1169))).toEqual([true, true]);
    expect([0, 1].map((slot) => proofs.has(slot, 1170))).toEqual([true, false]);
  });

  it('ends when the key changes, or the slot goes to another node', () => {
    const nodes = nodesOf(4);
    const proofs = new Proofs(nodes);
    for (const slot of [0, 1, 2, 3]) proofs.add(slot, 1000);
    nodes.keyVersion[0] = 1;
    nodes.ids[1] = 77;
    nodes.keyVersion[3] = 1;
    expect([0, 1, 2, 3].map((slot) => proofs.has(slot, 1001))).toEqual([false, false, true, false]);
    proofs.add(3, 1001);
    nodes.ids[3] = 78;
    expect(proofs.has(3, 1001)).toBe(false);
  });

  it('is bounded: the oldest is forgotten', () => {
    const count = MAX_PROOFS_PER_CONNECTION + 10;
    const proofs = new Proofs(nodesOf(count));
    for (let slot = 0; slot < count; slot++) proofs.add(slot, 1000);
    const held = Array.from({ length: count }, (_, slot) => slot).filter((slot) => proofs.has(slot, 1000));
    expect(held).toHaveLength(MAX_PROOFS_PER_CONNECTION + 1);
    expect(held[0]).toBe(count - MAX_PROOFS_PER_CONNECTION - 1);
  });
});

describe('texts that are no Unicode', () => {
  it('are stored as they can be read back: the owner label stays bound', async () => {
    const h = new Harness();
    const owner = 'ann\ud800';
    const a = await h.node({ owner, version: 'v\udfff' });
    const other = h.signer();
    const message = { public_key: other.publicKeyBase64, listen_addr: '203.0.113.5:4000', owner };
    expect(await h.askSigned('register', message, other)).toMatchObject({ code: 'conflict' });
    const records = h.log.records.length;
    await h.node({ owner, version: 'v\udfff' }, undefined, a.signer);
    expect(h.log.records).toHaveLength(records);
  });
});
