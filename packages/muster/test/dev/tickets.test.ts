import { ManualClock, seededRandom } from '@muster/core/testing';
import { expect, it } from 'vitest';
import { MAX_TICKETS, TICKET_TTL_MS, Tickets } from '../../src/dev/tickets.ts';

function make(): { clock: ManualClock; tickets: Tickets; issue: () => Uint8Array } {
  const clock = new ManualClock();
  const tickets = new Tickets({ clock, random: seededRandom(1) });
  return { clock, tickets, issue: () => tickets.issue()?.bytes ?? new Uint8Array() };
}

it('a ticket lets in once', () => {
  const { tickets, issue } = make();
  const [first, second] = [issue(), issue()];
  expect(first).toHaveLength(16);
  expect(first).not.toEqual(second);
  expect(tickets.redeem(first)).toBe('accepted');
  expect(tickets.redeem(first)).toBe('used');
  expect(tickets.redeem(second)).toBe('accepted');
});

it('a ticket ends after ten minutes, and not before', () => {
  const { clock, tickets, issue } = make();
  const [early, late] = [issue(), issue()];
  expect(TICKET_TTL_MS).toBe(600_000);
  clock.advance(TICKET_TTL_MS - 1);
  expect(tickets.redeem(early)).toBe('accepted');
  clock.advance(1);
  expect(tickets.redeem(late)).toBe('expired');
});

it('a ticket of nobody is unknown', () => {
  const { tickets } = make();
  expect(tickets.redeem(new Uint8Array(16))).toBe('unknown');
  expect(tickets.redeem(new Uint8Array())).toBe('unknown');
});

it('there are never more than the limit, and old ones make room', () => {
  const { clock, tickets } = make();
  for (let count = 0; count < MAX_TICKETS; count += 1) expect(tickets.issue()).toBeDefined();
  expect(tickets.issue()).toBeUndefined();
  clock.advance(2 * TICKET_TTL_MS);
  expect(tickets.issue()).toBeDefined();
});
