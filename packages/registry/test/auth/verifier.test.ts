import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '@muster/core/testing';
import { decodePublicKey, decodeSignature } from '../../src/wire/index.ts';
import { recommendedConcurrency, SignatureVerifier } from '../../src/auth/index.ts';
import type { SignatureVerifierOptions } from '../../src/auth/index.ts';
import { readVectors, signatureBytes, keyBytes } from './vectors.ts';
import type { SignatureVectors } from './vectors.ts';

const vectors = readVectors<SignatureVectors>('signatures.json');
const newVerifier = (options: SignatureVerifierOptions = {}): SignatureVerifier =>
  new SignatureVerifier(seededRandom(1), { maxCachedVerifications: 1024, ...options });

function newSigner(): { publicKey: Uint8Array; signed: (message: string) => Uint8Array } {
  const pair = generateKeyPairSync('ed25519');
  return {
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(12),
    signed: (message) => Uint8Array.from(sign(null, Buffer.from(message), pair.privateKey)),
  };
}

describe('golden vectors', () => {
  const keyA = keyBytes(vectors.keys.A.public_key_b64);

  it.each(vectors.challenges)('verifies $message_type', async ({ challenge, signature_b64: signature }) => {
    const verifier = newVerifier();
    const bytes = signatureBytes(signature);
    expect(await verifier.verify(keyA, challenge, bytes)).toBe(true);
    expect(verifier.verify(keyA, challenge, bytes)).toBe(true);
    expect(await verifier.verify(keyA, `${challenge} `, bytes)).toBe(false);
  });

  it.each(vectors.verify_cases)('decides: $name', async (c) => {
    const key = decodePublicKey(c.public_key_b64);
    if (!key.ok) {
      expect(key.error).toBe(c.public_key_error);
      return;
    }
    const signature = decodeSignature(c.signature_b64);
    if (!signature.ok) {
      expect(signature.error).toBe(c.signature_decode_error);
      return;
    }
    // The original accepts the identity point; B-01 does not.
    const expected = c.valid === true && !c.name.startsWith('identity point');
    expect(await newVerifier().verify(key.key, c.challenge, signature.signature)).toBe(expected);
  });

  it('signs like the keys of the vectors', () => {
    const { seed_hex: seed } = vectors.keys.A;
    const der = Buffer.concat([
      Buffer.from('302e020100300506032b657004220420', 'hex'),
      Buffer.from(seed, 'hex'),
    ]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    for (const { challenge, signature_b64: signature } of vectors.challenges) {
      expect(sign(null, Buffer.from(challenge), privateKey).toString('base64')).toBe(signature);
    }
  });
});

describe('SignatureVerifier', () => {
  it('answers at once what it knows, and knows only what verified', async () => {
    const verifier = newVerifier();
    const { publicKey, signed } = newSigner();
    const good = signed('m');
    const bad = good.slice();
    bad[3] = (bad[3] ?? 0) ^ 1;
    expect(await verifier.verify(publicKey, 'm', good)).toBe(true);
    expect(verifier.verify(publicKey, Buffer.from('m'), good)).toBe(true);
    for (let i = 0; i < 2; i++) {
      const answer = verifier.verify(publicKey, 'm', bad);
      expect(answer).toBeInstanceOf(Promise);
      expect(await answer).toBe(false);
    }
    expect(verifier.verify(publicKey, 'm', good.subarray(1))).toBe(false);
    expect(verifier.verify(publicKey.subarray(1), 'm', good)).toBe(false);
    expect(verifier.counts).toEqual({ cached: 1, valid: 1, invalid: 4, overloaded: 0 });
  });

  it('refuses any signature whose bits were changed', async () => {
    const verifier = newVerifier();
    const { publicKey, signed } = newSigner();
    const good = signed('heartbeat:1');
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 511 }), async (bit) => {
        const changed = good.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(await verifier.verify(publicKey, 'heartbeat:1', changed)).toBe(false);
      }),
    );
  });

  it('lets the caller reuse its buffers while a check waits', async () => {
    const verifier = newVerifier({ maxConcurrent: 1 });
    const { publicKey, signed } = newSigner();
    const answers: (boolean | Promise<boolean>)[] = [];
    const receive = Buffer.alloc(64);
    const key = Buffer.alloc(32);
    for (let i = 0; i < 5; i++) {
      receive.set(signed(`m${i}`));
      key.set(publicKey);
      answers.push(verifier.verify(key, Buffer.from(`m${i}`), receive));
      receive.fill(0);
      key.fill(0);
    }
    expect(await Promise.all(answers)).toEqual([true, true, true, true, true]);
  });

  it('keeps at most maxConcurrent checks on the pool and does the same check once', async () => {
    const verifier = newVerifier({ maxConcurrent: 2 });
    const { publicKey, signed } = newSigner();
    const answers: (boolean | Promise<boolean>)[] = [];
    for (let i = 0; i < 20; i++) {
      answers.push(verifier.verify(publicKey, `m${i % 5}`, signed(`m${i % 5}`), 'one'));
      expect(verifier.running).toBeLessThanOrEqual(2);
    }
    // Five different checks: two run, three wait with the three repetitions of each.
    expect(verifier.queued).toBe(12);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 20 }, () => true));
    expect(verifier.counts).toEqual({ cached: 0, valid: 20, invalid: 0, overloaded: 0 });
    expect([verifier.queued, verifier.running]).toEqual([0, 0]);
  });

  it('serves sources in turn', async () => {
    const verifier = newVerifier({ maxConcurrent: 1 });
    const { publicKey, signed } = newSigner();
    const order: string[] = [];
    const done: Promise<void>[] = [];
    const submit = (source: string, index: number): void => {
      const message = `${source}${index}`;
      done.push(
        new Promise((resolve) => {
          const status = verifier.verifyWith(publicKey, message, signed(message), source, (ok) => {
            order.push(`${message}:${ok}`);
            resolve();
          });
          expect(status).toBe('pending');
        }),
      );
    };
    for (let i = 0; i < 6; i++) submit('greedy', i);
    submit('modest', 0);
    submit('other', 0);
    submit('modest', 1);
    await Promise.all(done);
    const place = (name: string): number => order.indexOf(`${name}:true`);
    expect(order).toHaveLength(9);
    expect(place('modest0')).toBeLessThan(place('greedy2'));
    expect(place('other0')).toBeLessThan(place('greedy2'));
    expect(place('modest1')).toBeLessThan(place('greedy3'));
    expect(place('greedy0')).toBeLessThan(place('greedy1'));
  });

  it('does not make a source wait in the queue of another that repeats its signature', async () => {
    const verifier = newVerifier({ maxConcurrent: 1 });
    const { publicKey, signed } = newSigner();
    const order: string[] = [];
    const submit = (source: string, message: string): Promise<void> =>
      new Promise((resolve) => {
        verifier.verifyWith(publicKey, message, signed(message), source, () => {
          order.push(`${source} ${message}`);
          resolve();
        });
      });
    const done = [0, 1, 2, 3, 4].map((i) => submit('greedy', `m${i}`));
    done.push(submit('greedy', 'victim'), submit('modest', 'victim'));
    await Promise.all(done);
    expect(order.indexOf('modest victim')).toBeLessThan(order.indexOf('greedy m3'));
  });

  it('refuses what does not fit, per source and in total, and recovers', async () => {
    const verifier = newVerifier({ maxConcurrent: 1, maxQueuedPerSource: 3, maxQueuedVerifications: 5 });
    const { publicKey, signed } = newSigner();
    const answers: (boolean | Promise<boolean>)[] = [];
    const submit = (source: string, message: string): void => {
      answers.push(verifier.verify(publicKey, message, signed(message), source));
    };
    const refusal = expect.objectContaining({ code: 'overloaded' });
    for (let i = 0; i < 4; i++) submit('a', `a${i}`);
    expect(() => submit('a', 'a4')).toThrow(refusal);
    submit('b', 'b0');
    submit('b', 'b1');
    expect(() => submit('c', 'c0')).toThrow(refusal);
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 6 }, () => true));
    submit('c', 'c0');
    expect(await answers.at(-1)).toBe(true);
    expect(verifier.counts).toEqual({ cached: 0, valid: 7, invalid: 0, overloaded: 2 });
  });

  it('bounds those who wait for one running check', async () => {
    const verifier = newVerifier({ maxConcurrent: 1, maxQueuedPerSource: 3 });
    const { publicKey, signed } = newSigner();
    const answers: (boolean | Promise<boolean>)[] = [];
    for (let i = 0; i < 3; i++) answers.push(verifier.verify(publicKey, 'm', signed('m'), i));
    expect(() => verifier.verify(publicKey, 'm', signed('m'), 9)).toThrow(
      expect.objectContaining({ code: 'overloaded' }),
    );
    expect(await Promise.all(answers)).toEqual([true, true, true]);
  });

  it('forgets the waiting checks of a cancelled source', async () => {
    const verifier = newVerifier({ maxConcurrent: 1 });
    const { publicKey, signed } = newSigner();
    const called: string[] = [];
    const submit = (source: string, message: string): void => {
      verifier.verifyWith(publicKey, message, signed(message), source, () => called.push(message));
    };
    submit('gone', 'running');
    submit('gone', 'waiting');
    submit('gone', 'waiting');
    submit('stays', 'kept');
    verifier.cancel('gone');
    verifier.cancel('never seen');
    expect(verifier.queued).toBe(1);
    submit('gone', 'back');
    expect(await verifier.verify(publicKey, 'last', signed('last'), 'last')).toBe(true);
    expect(called.sort()).toEqual(['back', 'kept', 'running']);
    expect(await verifier.verify(publicKey, 'waiting', signed('waiting'))).toBe(true);
  });

  it('answers for weak keys without the pool, later, and goes on', async () => {
    const verifier = newVerifier({ maxConcurrent: 1 });
    const { publicKey, signed } = newSigner();
    const weak = new Uint8Array(32);
    weak[0] = 1;
    const forged = new Uint8Array(64);
    forged[0] = 1;
    const answers = [
      verifier.verify(weak, 'm', forged, 'a'),
      verifier.verify(weak, 'n', forged, 'a'),
      verifier.verify(publicKey, 'm', signed('m'), 'b'),
    ];
    expect(answers.every((answer) => answer instanceof Promise)).toBe(true);
    expect(await Promise.all(answers)).toEqual([false, false, true]);
  });

  it('verifies messages that are too long to be remembered', async () => {
    const verifier = newVerifier({ maxCachedMessageBytes: 10 });
    const { publicKey, signed } = newSigner();
    const long = 'é'.repeat(3000);
    for (let i = 0; i < 2; i++) {
      const answer = verifier.verify(publicKey, long, signed(long));
      expect(answer).toBeInstanceOf(Promise);
      expect(await answer).toBe(true);
    }
  });
});

describe('recommendedConcurrency', () => {
  it('leaves a thread to the log', () => {
    expect(recommendedConcurrency(2)).toBe(3);
    expect(recommendedConcurrency(8)).toBe(3);
    expect(recommendedConcurrency(2, 8)).toBe(4);
    expect(recommendedConcurrency(8, 16)).toBe(10);
    expect(recommendedConcurrency(1, 1)).toBe(1);
  });
});
