import { expect, it } from 'vitest';
import { Harness, START_SECONDS } from '../support/harness.ts';

it('answers a registration and a lookup', async () => {
  const h = new Harness();
  const { id } = await h.node({ hostname: 'alpha' });
  const reply = await h.succeed('lookup', { node_id: id });
  expect(reply).toMatchObject({ type: 'lookup_ok', node_id: 1, hostname: 'alpha' });
  expect(reply['last_seen_unix']).toBe(START_SECONDS);
});
