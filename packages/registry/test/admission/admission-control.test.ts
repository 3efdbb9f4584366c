import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AdmissionControl,
  type AdmissionLimits,
  type AddressState,
  CHARGE_PAUSE,
  CHARGE_REFUSE,
  CHARGE_SERVE,
  tooManyRegistrationsText,
  Whitelist,
} from '../../src/admission/index.ts';

const START = 1_000_000;
/** After the start-up throttle. */
const LATER = START + 60_000;

function control(
  limits: Partial<AdmissionLimits> = {},
  options: { enabled?: boolean; limitLoopback?: boolean } = {},
) {
  return new AdmissionControl({ startMs: START, hashSeed: 12_345, limits, ...options });
}

function connect(admission: AdmissionControl, address: string, now = LATER): AddressState {
  const verdict = admission.admitConnection(address, now);
  if (!verdict.admitted) throw new Error(`refused: ${verdict.kind}`);
  return verdict.state;
}

function refusal(admission: AdmissionControl, address: string, now = LATER): string | undefined {
  const verdict = admission.admitConnection(address, now);
  return verdict.admitted ? undefined : verdict.kind;
}

function address(n: number): string {
  return `${(n >>> 24) % 100}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}`;
}

describe('connections', () => {
  test('an address has a cap of its own, and gets its room back', () => {
    const admission = control({ maxConnectionsPerAddress: 2 });
    const first = connect(admission, '192.0.2.1');
    expect(connect(admission, '192.0.2.1')).toBe(first);
    expect(refusal(admission, '192.0.2.1')).toBe('connection');
    expect(refusal(admission, '192.0.2.2')).toBeUndefined();
    admission.release(first);
    expect(refusal(admission, '192.0.2.1')).toBeUndefined();
    expect(admission.connections).toBe(3);
    expect(admission.deniedTotal).toEqual({ ip: 0, bucket_table: 0, global: 0, connection: 1 });
  });

  test('an IPv6 /64 is one address, and so is an IPv4 address written as IPv6', () => {
    const admission = control({ maxConnectionsPerAddress: 1 });
    connect(admission, '2001:db8::1');
    expect(refusal(admission, '2001:db8::ffff:1')).toBe('connection');
    expect(refusal(admission, '2001:db8:0:1::1')).toBeUndefined();
    connect(admission, '192.0.2.1');
    expect(refusal(admission, '::ffff:192.0.2.1')).toBe('connection');
  });

  test('the server has a cap that nobody passes', () => {
    const admission = control({ maxConnections: 2 }, { enabled: false });
    admission.setWhitelist(Whitelist.of([{ cidr: '192.0.2.1', rate: 1 }]));
    connect(admission, '192.0.2.1');
    connect(admission, '127.0.0.1');
    for (const host of ['192.0.2.1', '127.0.0.1', '203.0.113.1'])
      expect(refusal(admission, host)).toBe('global');
    expect(admission.deniedTotal.global).toBe(3);
  });

  test('reconnecting has a rate per address', () => {
    const admission = control({ connectionsPerSecondPerAddress: 10, connectionBurstPerAddress: 20 });
    let admitted = 0;
    for (let ms = 0; ms < 1_000; ms++) {
      const verdict = admission.admitConnection('192.0.2.1', LATER + ms);
      if (!verdict.admitted) continue;
      admission.release(verdict.state);
      admitted += 1;
    }
    expect(admitted).toBe(29);
  });

  test('the first minute lets a storm of 10,000 per second in and no more', () => {
    const admission = control();
    let admitted = 0;
    for (let n = 0; n < 200_000; n++) {
      const verdict = admission.admitConnection(address(n), START + 1 + n / 20);
      if (verdict.admitted) admitted += 1;
    }
    // 20,000 per second came for 10 s.
    expect(admitted).toBeGreaterThanOrEqual(109_000);
    expect(admitted).toBeLessThanOrEqual(110_000);
    expect(admission.deniedTotal.global).toBe(200_000 - admitted);
    for (let n = 200_000; n < 250_000; n++) expect(refusal(admission, address(n))).toBeUndefined();
  });

  test('loopback has a cap and no rates, unless it is asked for', () => {
    const limits = {
      maxConnectionsPerAddress: 3,
      connectionsPerSecondPerAddress: 1,
      connectionBurstPerAddress: 1,
    };
    const free = control(limits);
    for (let n = 0; n < 3; n++) connect(free, '127.0.0.1', START);
    expect(refusal(free, '127.0.0.1', START)).toBe('connection');
    const limited = control(limits, { limitLoopback: true });
    connect(limited, '::1', START);
    expect(refusal(limited, '::1', START)).toBe('connection');
  });

  test('a full table of connected addresses refuses new ones only', () => {
    const admission = control({ maxTrackedAddresses: 2 });
    const first = connect(admission, '192.0.2.1');
    connect(admission, '192.0.2.2');
    expect(refusal(admission, '192.0.2.3')).toBe('bucket_table');
    expect(refusal(admission, '192.0.2.2')).toBeUndefined();
    admission.release(first);
    expect(refusal(admission, '192.0.2.3')).toBeUndefined();
    expect(admission.deniedTotal.bucket_table).toBe(1);
  });

  test('giving back what was not taken is a defect', () => {
    const admission = control();
    const state = connect(admission, '192.0.2.1');
    admission.release(state);
    expect(() => admission.release(state)).toThrowError(RangeError);
  });

  test('the table stays bounded under a million strangers, and forgets the longest idle first', () => {
    const admission = control();
    const staying = connect(admission, '203.0.113.5');
    for (let n = 0; n < 1_000_000; n++) admission.release(connect(admission, address(n), LATER + n));
    expect(admission.trackedAddresses).toBe(50_001);
    expect(admission.idleAddresses).toBe(50_000);
    expect(admission.forgottenAddressesTotal).toBe(950_000);
    expect(connect(admission, '203.0.113.5', LATER + 2_000_000)).toBe(staying);
  });

  test('the address that is idle for longest is forgotten first', () => {
    const admission = control({ maxIdleAddresses: 2 });
    const visit = (host: string) => {
      const state = connect(admission, host);
      admission.release(state);
      return state;
    };
    const first = visit('192.0.2.1');
    const second = visit('192.0.2.2');
    expect(visit('192.0.2.1')).toBe(first);
    visit('192.0.2.3');
    expect(visit('192.0.2.1')).toBe(first);
    expect(visit('192.0.2.2')).not.toBe(second);
  });

  test('connections and addresses are counted right under any history', () => {
    const event = fc.record({ host: fc.integer({ min: 0, max: 12 }), leave: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), (events) => {
        const admission = control({
          maxConnections: 20,
          maxConnectionsPerAddress: 4,
          maxIdleAddresses: 3,
          maxTrackedAddresses: 8,
        });
        const open = new Map<number, AddressState[]>();
        let total = 0;
        for (const { host, leave } of events) {
          const mine = open.get(host) ?? [];
          open.set(host, mine);
          if (leave) {
            const state = mine.pop();
            if (state === undefined) continue;
            admission.release(state);
            total -= 1;
            continue;
          }
          const connected = [...open.values()].filter((states) => states.length > 0).length;
          const kind =
            total >= 20 ? 'global' : mine.length === 0 && connected >= 8 ? 'bucket_table' : undefined;
          const verdict = admission.admitConnection(address(host), LATER);
          expect(verdict.admitted ? undefined : verdict.kind).toBe(
            kind ?? (mine.length >= 4 ? 'connection' : undefined),
          );
          if (verdict.admitted) {
            mine.push(verdict.state);
            total += 1;
            expect(verdict.state.connections).toBe(mine.length);
          }
          expect(admission.connections).toBe(total);
          expect(admission.trackedAddresses).toBeLessThanOrEqual(8);
          expect(admission.idleAddresses).toBeLessThanOrEqual(3);
        }
      }),
    );
  });
});

describe('requests', () => {
  const limits = {
    requestsPerSecondPerAddress: 100,
    requestBurstPerAddress: 200,
    refusalsPerSecondPerAddress: 50,
  };

  test('are served up to the rate, then refused, then left unread', () => {
    const admission = control(limits);
    const state = connect(admission, '192.0.2.1');
    expect(admission.charge(state, 200, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(state, 30, LATER)).toBe(CHARGE_REFUSE);
    expect(admission.retryAfterMs(state, 30, LATER)).toBe(300);
    expect(admission.charge(state, 20, LATER)).toBe(CHARGE_REFUSE);
    expect(admission.charge(state, 1, LATER)).toBe(CHARGE_PAUSE);
    expect(admission.charge(state, 1, LATER + admission.retryAfterMs(state, 1, LATER))).toBe(CHARGE_SERVE);
    expect(admission.deniedTotal.ip).toBe(50);
  });

  test('of one address never cost another one anything', () => {
    const admission = control(limits);
    const noisy = connect(admission, '192.0.2.1');
    const quiet = connect(admission, '192.0.2.2');
    for (let n = 0; n < 1_000; n++) admission.charge(noisy, 100, LATER);
    expect(admission.charge(quiet, 200, LATER)).toBe(CHARGE_SERVE);
  });

  test('count from the first byte, and reconnecting does not refill the bucket', () => {
    const admission = control(limits);
    for (let n = 0; n < 10; n++) {
      const state = connect(admission, '192.0.2.1');
      expect(admission.charge(state, 200, LATER)).toBe(
        n === 0 ? CHARGE_SERVE : n === 1 ? CHARGE_REFUSE : CHARGE_PAUSE,
      );
      admission.release(state);
    }
  });

  test('of an address stay within burst + rate * time, over any number of connections', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 300 }),
      requests: fc.integer({ min: 1, max: 200 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const admission = control(limits);
        const states = [connect(admission, '192.0.2.1'), connect(admission, '192.0.2.1')];
        let now = LATER;
        let served = 0;
        for (const [index, { waitMs, requests }] of steps.entries()) {
          now += waitMs;
          const state = states[index % 2];
          if (state !== undefined && admission.charge(state, requests, now) === CHARGE_SERVE)
            served += requests;
          expect(served).toBeLessThanOrEqual(200 + ((now - LATER) * 100) / 1_000 + 1e-6);
        }
      }),
    );
  });

  test('of a listed source have its own rate, from the moment that it is listed or no longer listed', () => {
    const admission = control(limits);
    const state = connect(admission, '192.0.2.1');
    expect(admission.charge(state, 200, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(state, 1, LATER)).toBe(CHARGE_REFUSE);
    admission.setWhitelist(Whitelist.of([{ cidr: '192.0.2.0/24', rate: 1_000_000 }]));
    expect(admission.charge(state, 2_000_000, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(state, 1_000, LATER)).not.toBe(CHARGE_SERVE);
    // Another list with the same rate gives nothing away.
    admission.setWhitelist(Whitelist.of([{ cidr: '192.0.2.1', rate: 1_000_000 }]));
    expect(admission.charge(state, 1_000, LATER)).not.toBe(CHARGE_SERVE);
    admission.setWhitelist(Whitelist.empty);
    expect(admission.charge(state, 200, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(state, 100, LATER)).not.toBe(CHARGE_SERVE);
  });

  test('of everybody can be limited together, without closing or charging the innocent', () => {
    const admission = control({ requestsPerSecond: 1_000 });
    const one = connect(admission, '192.0.2.1');
    const two = connect(admission, '192.0.2.2');
    const local = connect(admission, '127.0.0.1');
    expect(admission.charge(one, 1_000, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(two, 500, LATER)).toBe(CHARGE_REFUSE);
    expect(admission.retryAfterMs(two, 500, LATER)).toBe(500);
    expect(admission.charge(local, 500, LATER)).toBe(CHARGE_SERVE);
    expect(admission.charge(two, 500, LATER + 500)).toBe(CHARGE_SERVE);
    expect(admission.deniedTotal).toMatchObject({ ip: 0, global: 500 });
  });

  test('have no rate when the limiters are off', () => {
    const admission = control(limits, { enabled: false });
    const state = connect(admission, '192.0.2.1');
    for (let n = 0; n < 100; n++) expect(admission.charge(state, 1_000_000, LATER)).toBe(CHARGE_SERVE);
    for (let n = 0; n < 5_000; n++) {
      expect(admission.admitRegistration(state, LATER)).toBe(true);
      expect(admission.admitLookup(state, n, LATER)).toBe(true);
    }
  });
});

describe('registrations and lookups', () => {
  test('new keys have a rate per address', () => {
    const admission = control({ registrationsPerMinutePerAddress: 60, registrationBurstPerAddress: 3 });
    const state = connect(admission, '192.0.2.1');
    for (let n = 0; n < 3; n++) expect(admission.admitRegistration(state, LATER)).toBe(true);
    expect(admission.admitRegistration(state, LATER)).toBe(false);
    expect(admission.registrationRetryAfterMs(state, LATER)).toBe(1_000);
    expect(admission.admitRegistration(state, LATER + 1_000)).toBe(true);
    expect(admission.deniedTotal.ip).toBe(1);
    expect(tooManyRegistrationsText('192.0.2.1')).toBe('rate limited: too many registrations from 192.0.2.1');
  });

  test('a walk through the ids is stopped, and goes on no faster by reconnecting', () => {
    const admission = control({
      distinctLookupsPerMinutePerAddress: 2_000,
      connectionsPerSecondPerAddress: 5_000,
    });
    let found = 0;
    for (let id = 1; id <= 20_000; id++) {
      const state = connect(admission, '192.0.2.1', LATER + id);
      if (admission.admitLookup(state, id, LATER + id)) found += 1;
      admission.release(state);
    }
    expect(found).toBeGreaterThan(1_600);
    expect(found).toBeLessThan(2_400);
    const state = connect(admission, '192.0.2.1', LATER + 20_001);
    expect(admission.lookupRetryAfterMs(state, LATER + 20_001)).toBe(40_000);
    expect(admission.admitLookup(state, 1, LATER + 60_001)).toBe(true);
  });

  test('loopback and listed sources look up what they like', () => {
    const admission = control({ distinctLookupsPerMinutePerAddress: 100, registrationBurstPerAddress: 1 });
    admission.setWhitelist(Whitelist.of([{ cidr: '2001:db8::1', rate: 1 }]));
    for (const host of ['127.0.0.1', '2001:db8::1']) {
      const state = connect(admission, host);
      for (let id = 1; id <= 5_000; id++) {
        expect(admission.admitLookup(state, id, LATER)).toBe(true);
        expect(admission.admitRegistration(state, LATER)).toBe(true);
      }
    }
    const neighbour = connect(admission, '2001:db8::2');
    expect(admission.admitRegistration(neighbour, LATER)).toBe(true);
    expect(admission.admitRegistration(neighbour, LATER)).toBe(false);
  });
});
