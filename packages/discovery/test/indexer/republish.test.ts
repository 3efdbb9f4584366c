import { expect, it } from 'vitest';
import { discoveryConstants } from '../../src/constants.ts';
import { RepublishPlan } from '../../src/indexer/republish.ts';
import type { PeerRecord } from '../../src/wire/messages.ts';

const record = (overrides: Partial<PeerRecord> = {}): PeerRecord => ({
  name: 'alpha',
  did: 'd',
  peer_id: 'p',
  pub_key: 'k',
  api_url: '',
  stream_address: '',
  nats_address: '',
  wallet_address: '',
  expiry_date: '2030-01-01T00:00:00.000Z',
  signature: 's',
  ...overrides,
});
const none = { record: record(), isReferent: false, isFirstOfSession: false };

function plan(): RepublishPlan {
  return new RepublishPlan(discoveryConstants());
}

it('does nothing for a heartbeat in the middle of a session of a node with another referent', () => {
  expect(plan().isDue('p', none, 0)).toBe(false);
});

it('(a) the referent puts when the last success is older than 50 s', () => {
  const republish = plan();
  const asked = { ...none, isReferent: true };
  expect(republish.isDue('p', asked, 0)).toBe(true);
  republish.start('p', asked.record, 0);
  republish.finish('p', false, 1);
  expect(republish.isDue('p', asked, 2)).toBe(true);
  republish.start('p', asked.record, 2);
  republish.finish('p', true, 10);
  expect(republish.isDue('p', asked, 50_010)).toBe(false);
  expect(republish.isDue('p', asked, 50_011)).toBe(true);
});

it('(b) the first heartbeat of a session puts unless any put was tried in the last 50 s', () => {
  const republish = plan();
  const asked = { ...none, isFirstOfSession: true };
  expect(republish.isDue('p', asked, 0)).toBe(true);
  republish.start('p', asked.record, 0);
  republish.finish('p', false, 1);
  expect(republish.isDue('p', asked, 50_000)).toBe(false);
  expect(republish.isDue('p', asked, 50_001)).toBe(true);
});

it('(c) changed content is put; a new expiry and its signature are no change', () => {
  const republish = plan();
  republish.start('p', record(), 0);
  republish.finish('p', true, 0);
  const resigned = record({ expiry_date: '2031-01-01T00:00:00.000Z', signature: 't' });
  expect(republish.isDue('p', { ...none, record: resigned }, 1)).toBe(false);
  expect(republish.isDue('p', { ...none, record: record({ api_url: 'x' }) }, 1)).toBe(true);
});

it('forgets a node that has left', () => {
  const republish = plan();
  republish.start('p', record(), 0);
  republish.drop('p');
  republish.finish('p', true, 1);
  expect(republish.size).toBe(0);
});
