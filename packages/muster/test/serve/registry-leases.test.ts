import { RegistryClient, type GrantedLease, refused } from '@muster/client';
import { coreErrors, errorCode, type LeaseAnswer, recordingLogger } from '@muster/core';
import { challengeFor, Identity } from '@muster/core/identity';
import { ManualClock, seededRandom } from '@muster/core/testing';
import { LocalRegistry, Registry } from '@muster/registry';
import { describe, expect, it } from 'vitest';
import { type LeaseClient, LEASE_TTL_MS, PAUSE_MS, registryLeases } from '../../src/serve/registry-leases.ts';

const LIMIT = { timeoutMs: 1_000 };

interface Faults {
  /** Requests are answered with this. */
  error?: Error;
  /** Answers are held back until this resolves. */
  held?: Promise<void>;
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** A registry in the process, and clients of it whose requests a test may disturb. */
async function scene() {
  const clock = new ManualClock();
  const registry = new LocalRegistry({ clock, random: seededRandom(1) });
  const peer = async (seed: number, timers = clock) => {
    const identity = Identity.fromSeed(seededRandom(seed).bytes(32));
    const faults: Faults = {};
    const asked: string[] = [];
    const connection = registry.connect();
    const ask = async (type: string, fields: Record<string, unknown>) => {
      asked.push(type);
      if (faults.error !== undefined) throw faults.error;
      const signature = identity.sign(challengeFor(type, fields) ?? '');
      const reply = await connection.request({ type, ...fields, signature });
      await faults.held;
      if (reply === undefined) throw new Error('down');
      if (typeof reply['error'] === 'string')
        throw refused(type, reply['error'], { code: String(reply['code']) });
      return reply;
    };
    const registered = await ask('register', {
      listen_addr: '127.0.0.1:4000',
      public_key: identity.publicKeyBase64,
    });
    const nodeId = registered['node_id'] as number;
    const held = (lease: GrantedLease) => ({
      node_id: nodeId,
      resource: lease.resource,
      epoch: lease.epoch,
      token: lease.token,
    });
    const client = {
      nodeId: nodeId as number | undefined,
      acquireLease: async (resource, options = {}) => {
        const { ttlMs, notwithstanding } = options;
        const reply = await ask('lease_acquire', {
          node_id: nodeId,
          resource,
          ttl_ms: ttlMs,
          done_epoch: notwithstanding?.epoch,
          done_token: notwithstanding?.token,
        });
        const key = reply['holder_public_key'];
        return {
          resource,
          state: reply['state'],
          epoch: reply['epoch'],
          token: reply['token'],
          ttlMs: reply['ttl_ms'],
          remainingMs: reply['remaining_ms'],
          holder: {
            nodeId: reply['holder'],
            ...(typeof key === 'string' ? { publicKey: Buffer.from(key, 'base64') } : {}),
          },
          raw: { encoding: 'json', message: reply },
        } as never;
      },
      renewLease: async (lease) => {
        const message = await ask('lease_renew', held(lease));
        return { ttlMs: message['ttl_ms'] as number, raw: { encoding: 'json', message } };
      },
      releaseLease: async (lease, options = {}) => {
        const message = await ask('lease_release', { ...held(lease), done: options.done });
        return { released: message['released'] === true, raw: { encoding: 'json', message } };
      },
    } satisfies LeaseClient;
    const logger = recordingLogger();
    const leases = registryLeases({ client, timers, clock, logger, prefix: '0:' });
    return { identity, faults, asked, client, leases, logger, nodeId };
  };
  /** Lets time pass in steps, with what happens in between. */
  const pass = async (ms: number, stepMs = 100): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      clock.advance(stepMs);
      await settle();
    }
  };
  return { clock, registry, peer, pass, a: await peer(1), b: await peer(2) };
}

function leaseOf(answer: LeaseAnswer) {
  if (answer.kind !== 'granted') throw new Error(`the lease is ${answer.kind}`);
  return answer.lease;
}

const codeOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'resolved',
    (error: unknown) => errorCode(error) ?? error,
  );

describe('a lease of a registry', () => {
  it('is granted to one, who renews it by himself, and told to others with the peer id of that one', async () => {
    const { a, b, pass, registry } = await scene();
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    expect(lease).toMatchObject({ resource: 'pull:x', token: 1, ttlMs: LEASE_TTL_MS });
    expect([...registry.directory.leases.held.keys()]).toEqual(['0:pull:x']);
    await pass(60_000);
    expect(lease.isHeld()).toBe(true);
    expect(lease.lost.aborted).toBe(false);
    expect(await b.leases.acquire('pull:x', LIMIT)).toMatchObject({
      kind: 'held',
      holder: a.identity.peerId,
      token: 1,
    });
    await lease.release();
    expect(lease.isHeld()).toBe(false);
    expect(leaseOf(await b.leases.acquire('pull:x', LIMIT)).token).toBe(2);
  });

  it('whose work is done is told so, and granted to who cannot have the result', async () => {
    const { a, b } = await scene();
    await leaseOf(await a.leases.acquire('pull:x', LIMIT)).release('done');
    const answer = await b.leases.acquire('pull:x', LIMIT);
    expect(answer).toMatchObject({ kind: 'done', holder: a.identity.peerId, token: 1 });
    if (answer.kind !== 'done') throw new Error('not done');
    expect(leaseOf(await b.leases.acquire('pull:x', { ...LIMIT, notwithstanding: answer })).token).toBe(2);
  });

  it('is lost before the registry gives it to another, when no renewal gets through', async () => {
    const { a, b, clock, pass } = await scene();
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    a.faults.error = new Error('no way');
    let lostAt: number | undefined;
    lease.lost.addEventListener('abort', () => (lostAt = clock.monotonic()));
    const startedAt = clock.monotonic();
    let grantedAt: number | undefined;
    while (grantedAt === undefined) {
      await pass(100);
      if ((await b.leases.acquire('pull:x', LIMIT)).kind === 'granted') grantedAt = clock.monotonic();
    }
    expect(lostAt).toBe(startedAt + LEASE_TTL_MS * 0.9);
    expect(grantedAt).toBe(startedAt + LEASE_TTL_MS);
    expect(lease.isHeld()).toBe(false);
    expect(errorCode(lease.lost.reason)).toBe('LEASE_UNAVAILABLE');
    expect(a.logger.entries.filter(({ level }) => level === 'warn')).toHaveLength(2);
  });

  it('survives renewals that fail for a while', async () => {
    const { a, pass } = await scene();
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    for (let time = 0; time < 5; time++) {
      a.faults.error = new Error('no way');
      await pass(5_000);
      delete a.faults.error;
      await pass(3_000);
      expect(lease.isHeld()).toBe(true);
    }
  });

  it('is lost at once when the registry says so', async () => {
    const { a, b, clock, registry, pass } = await scene();
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    await b.client.releaseLease({ resource: '0:pull:x', epoch: lease.epoch, token: 1 });
    expect(registry.directory.leases.held.size).toBe(1);
    await a.client.releaseLease({ resource: '0:pull:x', epoch: lease.epoch, token: 1 });
    await pass(LEASE_TTL_MS / 3 + 100);
    expect(lease.lost.aborted).toBe(true);
    expect(clock.monotonic()).toBeGreaterThan(0);
  });

  it('is not believed in after a pause of the process, before any timer has told', async () => {
    const { clock, peer } = await scene();
    const frozen = new ManualClock();
    const c = await peer(3, frozen);
    const lease = leaseOf(await c.leases.acquire('pull:x', LIMIT));
    clock.advance(LEASE_TTL_MS * 0.9 - 1);
    expect(lease.isHeld()).toBe(true);
    clock.advance(1);
    expect(lease.isHeld()).toBe(false);
    expect(lease.lost.aborted).toBe(false);
    frozen.advance(LEASE_TTL_MS);
    expect(lease.lost.aborted).toBe(true);
  });

  it('is counted from before the request, however late the answer comes', async () => {
    const { a, clock, pass } = await scene();
    const held = Promise.withResolvers<void>();
    a.faults.held = held.promise;
    const acquiring = a.leases.acquire('pull:x', LIMIT);
    await pass(4_000);
    held.resolve();
    const lease = leaseOf(await acquiring);
    a.faults.error = new Error('no way');
    await pass(4_900);
    expect(lease.isHeld()).toBe(true);
    await pass(200);
    expect(lease.isHeld()).toBe(false);
    expect(clock.monotonic()).toBeGreaterThan(0);
  });

  it('that is granted to who does not wait any more is given back', async () => {
    const { a, b } = await scene();
    const held = Promise.withResolvers<void>();
    a.faults.held = held.promise;
    const abort = new AbortController();
    const acquiring = a.leases.acquire('pull:x', { ...LIMIT, signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(acquiring).rejects.toThrow('enough');
    held.resolve();
    await settle();
    expect((await b.leases.acquire('pull:x', LIMIT)).kind).toBe('granted');
  });

  it('is told to be done as soon as the registry hears again', async () => {
    const { a, b, pass } = await scene();
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    a.faults.error = new Error('no way');
    const releasing = lease.release('done');
    await pass(5_000);
    delete a.faults.error;
    await pass(500);
    await releasing;
    expect((await b.leases.acquire('pull:x', LIMIT)).kind).toBe('done');
  });

  it('is given back when the program ends, and none is had afterwards', async () => {
    const { a, b } = await scene();
    await a.leases.acquire('pull:x', LIMIT);
    await a.leases[Symbol.asyncDispose]();
    expect((await b.leases.acquire('pull:x', LIMIT)).kind).toBe('granted');
    expect(await codeOf(a.leases.acquire('pull:y', LIMIT))).toBe('LEASE_UNAVAILABLE');
  });
});

describe('without a registry', () => {
  it('a failure delays nobody for a while; then one asks, and the others follow when that went well', async () => {
    const { a, clock } = await scene();
    a.faults.error = new Error('down');
    expect(await codeOf(a.leases.acquire('pull:x', LIMIT))).toBe('LEASE_UNAVAILABLE');
    const { length } = a.asked;
    for (let time = 0; time < 10; time++) {
      expect(await codeOf(a.leases.acquire('pull:x', LIMIT))).toBe('LEASE_UNAVAILABLE');
    }
    expect(a.asked).toHaveLength(length);
    clock.advance(PAUSE_MS);
    const three = ['x', 'y', 'z'].map(async (name) => codeOf(a.leases.acquire(name, LIMIT)));
    expect(await Promise.all(three)).toEqual(Array(3).fill('LEASE_UNAVAILABLE'));
    expect(a.asked).toHaveLength(length + 1);
    clock.advance(PAUSE_MS);
    delete a.faults.error;
    expect((await a.leases.acquire('pull:x', LIMIT)).kind).toBe('granted');
    expect((await a.leases.acquire('pull:y', LIMIT)).kind).toBe('granted');
    expect(a.logger.entries.map(({ message }) => message)).toEqual([
      'the registry grants no leases; going on without',
      'the registry grants leases again',
    ]);
  });

  it('a node that is not registered yet asks for none', async () => {
    const { a } = await scene();
    a.client.nodeId = undefined;
    const { length } = a.asked;
    expect(await codeOf(a.leases.acquire('pull:x', LIMIT))).toBe('LEASE_UNAVAILABLE');
    expect(a.asked).toHaveLength(length);
  });

  it('a refusal is no lease, with its reason', async () => {
    const { a } = await scene();
    const { client, leases } = a;
    const foreign = registryLeases({
      client,
      timers: new ManualClock(),
      clock: new ManualClock(),
      logger: recordingLogger(),
      prefix: '7:',
    });
    const error: unknown = await foreign.acquire('pull:x', LIMIT).catch((reason: unknown) => reason);
    expect(errorCode(error)).toBe('LEASE_UNAVAILABLE');
    expect(String((error as Error).cause)).toContain('is not a member of network 7');
    a.faults.error = refused('lease_acquire', 'too many leases', { code: 'limit_reached' });
    expect(await codeOf(leases.acquire('pull:x', LIMIT))).toBe('LEASE_UNAVAILABLE');
    delete a.faults.error;
    // That is no reason to leave the registry alone.
    expect((await leases.acquire('pull:x', LIMIT)).kind).toBe('granted');
  });

  it('the code is that of the port', () => {
    expect(Object.keys(coreErrors.definitions)).toContain('LEASE_UNAVAILABLE');
  });
});

it('works over TCP: one of two has the lease, renews it, and gives it back; a registry that is gone is told at once', async () => {
  const registry = await Registry.start({ listen: { host: '127.0.0.1', port: 0 } });
  const peers = await Promise.all(
    [1, 2].map(async () => {
      const identity = Identity.generate();
      const client = new RegistryClient({ address: `127.0.0.1:${registry.port}`, identity });
      await client.register({ listenAddress: '127.0.0.1:4001' });
      const leases = registryLeases({
        client,
        timers: registry.timers,
        clock: registry.clock,
        logger: recordingLogger(),
        prefix: '0:',
        ttlMs: 1_000,
      });
      return { identity, client, leases };
    }),
  );
  try {
    const [a, b] = peers as [(typeof peers)[0], (typeof peers)[0]];
    const lease = leaseOf(await a.leases.acquire('pull:x', LIMIT));
    expect(await b.leases.acquire('pull:x', LIMIT)).toMatchObject({
      kind: 'held',
      holder: a.identity.peerId,
    });
    const granted = registry.store?.log.appendedSeq;
    const renewals = () =>
      registry.engine?.options.metrics.operation('lease_renew').requests.value ?? Number.NaN;
    await expect.poll(renewals, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(lease.isHeld()).toBe(true);
    expect(registry.store?.log.appendedSeq).toBe(granted);
    await lease.release('done');
    expect((await b.leases.acquire('pull:x', LIMIT)).kind).toBe('done');
    await registry.stop();
    expect(await codeOf(b.leases.acquire('pull:y', LIMIT))).toBe('LEASE_UNAVAILABLE');
  } finally {
    for (const { client, leases } of peers) {
      await leases[Symbol.asyncDispose]();
      await client.close();
    }
    await registry.stop();
  }
});
