import { expect, test } from 'vitest';
import {
  allOf,
  denial,
  manyBirths,
  noDht,
  onceBelieved,
  type OutgoingFrame,
  type Tamper,
  twoFaces,
} from '../../src/misbehaviour/index.ts';
import type { HeartbeatResponse } from '../../src/wire/messages.ts';
import { PROTOCOLS } from '../../src/wire/protocols.ts';

const TRUTH = {
  fill_rate: 0.01,
  peer_count: 5,
  max_nodes: 500,
  born_at: '2026-01-02T03:04:05.000Z',
  challenges: [{ peer_id: 'me', found: true, last_seen: '2026-01-02T03:04:05.000Z' }],
  dht_found: true,
  dht_payload: { did: 'x' },
} as unknown as HeartbeatResponse;

function answer(tamper: Tamper, to = 'me', message: object = TRUTH): Partial<HeartbeatResponse> | undefined {
  const frame: OutgoingFrame = {
    protocol: PROTOCOLS.heartbeat,
    to,
    isAnswer: true,
    request: undefined,
    message,
  };
  return tamper.outgoing === undefined ? message : tamper.outgoing(frame);
}

test('each lie alters what it is about, and nothing else', () => {
  expect(answer(denial())).toEqual({ ...TRUTH, challenges: [{ peer_id: 'me', found: false }] });
  const { dht_payload: _payload, ...rest } = TRUTH;
  expect(answer(noDht())).toEqual({ ...rest, dht_found: false });
  expect(answer(manyBirths(() => Date.parse(TRUTH.born_at)))).toEqual({
    ...TRUTH,
    born_at: expect.not.stringMatching(TRUTH.born_at) as string,
  });
});

test('faces and births differ from peer to peer, and stay the same for each', () => {
  const tamper = allOf(
    twoFaces(),
    manyBirths(() => 1e12),
  );
  const told = Array.from({ length: 20 }, (_, peer) => answer(tamper, `peer-${peer}`));
  expect(new Set(told.map((response) => response?.born_at)).size).toBeGreaterThan(10);
  expect(new Set(told.map((response) => response?.fill_rate)).size).toBe(3);
  for (const response of told) {
    expect(response?.fill_rate).toBe((response?.peer_count ?? 0) / (response?.max_nodes ?? 1));
  }
  expect(answer(tamper, 'peer-3')).toEqual(told[3]);
});

test('a liar that wants to be believed first tells each peer the truth for a while', () => {
  const tamper = onceBelieved(2, denial());
  expect([1, 2, 3, 4].map(() => answer(tamper)?.challenges?.[0]?.found)).toEqual([true, true, false, false]);
  expect(answer(tamper, 'another')?.challenges?.[0]?.found).toBe(true);
  // What is no answer to a heartbeat does not count, and is not altered before it is believed.
  expect(answer(tamper, 'third', { error: { code: 'full' } })).toEqual({ error: { code: 'full' } });
  expect(answer(tamper, 'third')?.challenges?.[0]?.found).toBe(true);
});
