import { Identity } from '@muster/core/identity';
import { seededRandom } from '@muster/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { type BatchVerifier, SignatureVerifier, VerificationThreads } from '../../src/auth/index.ts';
import { packBatch, verifyBatch } from '../../src/auth/verification-batch.ts';

const identities = Array.from({ length: 5 }, (_, i) => Identity.fromSeed(Buffer.alloc(32, i + 1)));

function check(i: number, message: string): Buffer {
  const identity = identities[i % identities.length] as Identity;
  return Buffer.concat([identity.publicKey, identity.signBytes(message), Buffer.from(message)]);
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function threads(count: number): VerificationThreads {
  const made = new VerificationThreads(count);
  cleanups.push(() => made.close());
  return made;
}

describe('a batch', () => {
  it('answers for each check in order, and takes what is no check for invalid', () => {
    const wrong = check(1, 'b');
    wrong[40] = (wrong[40] as number) ^ 1;
    const checks = [
      check(0, 'a'),
      wrong,
      Buffer.alloc(3),
      Buffer.alloc(0),
      check(2, ''),
      check(3, 'x'.repeat(60_000)),
    ];
    expect([...verifyBatch(packBatch(checks))]).toEqual([1, 0, 0, 0, 1, 1]);
  });
});

describe('VerificationThreads', () => {
  it('checks batches from several threads, each answer to its own caller', async () => {
    const pool = threads(2);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const checks = [check(i, `m${i}`), Buffer.concat([check(i, `m${i}`), Buffer.from('!')])];
        return new Promise<Uint8Array | undefined>((resolve) => pool.verify(checks, resolve));
      }),
    );
    expect(answers.every((answer) => answer?.[0] === 1 && answer[1] === 0)).toBe(true);
  });

  it('gives back what it had when it ends, and says that nobody is left', async () => {
    const pool = threads(1);
    const answer = new Promise((resolve) => pool.verify([check(0, 'a')], resolve));
    await pool.close();
    expect([undefined, Uint8Array.of(1)]).toContainEqual(await answer);
    expect(pool.size).toBe(0);
    expect(pool.hasRoom).toBe(false);
    expect(await new Promise((resolve) => pool.verify([check(0, 'a')], resolve))).toBeUndefined();
  });
});

describe('SignatureVerifier with threads', () => {
  const verifyAll = async (verifier: SignatureVerifier, count: number): Promise<boolean[]> =>
    Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const identity = identities[i % identities.length] as Identity;
        const signature = identity.signBytes(`message ${i}`);
        // Every third one is asked about another message.
        return verifier.verify(
          identity.publicKey,
          i % 3 === 0 ? 'another' : `message ${i}`,
          signature,
          i % 7,
        );
      }),
    );
  const expected = (count: number): boolean[] => Array.from({ length: count }, (_, i) => i % 3 !== 0);

  it('answers all checks, of several sources, as without them', async () => {
    const verifier = new SignatureVerifier(seededRandom(1), { threads: threads(2) });
    expect(await verifyAll(verifier, 300)).toEqual(expected(300));
    expect([verifier.queued, verifier.running]).toEqual([0, 0]);
    expect(verifier.counts).toMatchObject({ valid: 200, invalid: 100 });
  });

  it('checks on the thread pool what a lost thread did not, and goes on there', async () => {
    let size = 1;
    const lost: BatchVerifier = {
      get size() {
        return size;
      },
      get hasRoom() {
        return size > 0;
      },
      verify: (_checks, done) => {
        size = 0;
        queueMicrotask(() => done(undefined));
      },
    };
    const verifier = new SignatureVerifier(seededRandom(1), { threads: lost });
    expect(await verifyAll(verifier, 40)).toEqual(expected(40));
    expect(await verifyAll(verifier, 60)).toEqual(expected(60));
    expect([verifier.queued, verifier.running]).toEqual([0, 0]);
  });

  it('refuses weak keys there too', async () => {
    const verifier = new SignatureVerifier(seededRandom(1), { threads: threads(1) });
    const weak = Buffer.alloc(32);
    weak[0] = 1;
    expect(await verifier.verify(weak, 'm', Buffer.concat([weak, Buffer.alloc(32)]))).toBe(false);
  });
});
