import { describe, expect, it } from 'vitest';
import { ManualClock } from '@muster/core/testing';
import { SafeFetcher, verifyIdentityToken } from '../../src/outbound/index.ts';
import { loopbackFetcher, serve, serveJson } from './server.ts';

const failed = expect.objectContaining({
  code: 'identity_verification_failed',
  message: 'identity verification failed',
});

describe('verifyIdentityToken', () => {
  it('posts the token and gives the external id', async () => {
    await using server = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { token } = JSON.parse(Buffer.concat(chunks).toString()) as { token: string };
        const asked = `${request.method} ${request.headers['content-type']} ${token}`;
        response.end(JSON.stringify({ verified: true, external_id: asked }));
      });
    });
    expect(await verifyIdentityToken(loopbackFetcher(), server.url, 'a"b')).toBe('POST application/json a"b');
  });

  it.each([
    [{ verified: false, error: 'expired' }, 'identity verification rejected: expired'],
    [{ verified: false, external_id: 'alice' }, 'identity verification rejected: '],
    [{ verified: 'true', external_id: 'alice' }, 'identity verification rejected: '],
    [{ verified: true, external_id: '' }, 'identity webhook returned empty external_id'],
    [{ verified: true }, 'identity webhook returned empty external_id'],
    [{ verified: true, external_id: 7 }, 'identity webhook returned empty external_id'],
    [{}, 'identity verification rejected: '],
  ])('refuses the answer %j', async (answer, message) => {
    await using server = await serveJson(answer);
    await expect(verifyIdentityToken(loopbackFetcher(), server.url, 't')).rejects.toThrow(
      expect.objectContaining({ message }),
    );
  });

  it.each([204, 302, 404, 500])('refuses status %d', async (status) => {
    await using server = await serveJson({ verified: true, external_id: 'alice' }, status);
    await expect(verifyIdentityToken(loopbackFetcher(), server.url, 't')).rejects.toThrow(
      `identity webhook returned status ${status}`,
    );
  });

  it.each(['', 'null', '[]', '"x"', '{"verified":true,"external_id":"alice"} x'])(
    'refuses the body %j',
    async (body) => {
      await using server = await serve((_, response) => void response.end(body));
      await expect(verifyIdentityToken(loopbackFetcher(), server.url, 't')).rejects.toThrow(failed);
    },
  );

  it('reads 4096 bytes and no more', async () => {
    await using server = await serve((request, response) => {
      const answer = JSON.stringify({ verified: true, external_id: 'alice' });
      response.end(answer.padEnd(Number(request.url?.slice(1))));
    });
    expect(await verifyIdentityToken(loopbackFetcher(), `${server.url}4096`, 't')).toBe('alice');
    await expect(verifyIdentityToken(loopbackFetcher(), `${server.url}4097`, 't')).rejects.toThrow(failed);
  });

  it('waits five seconds', async () => {
    const clock = new ManualClock();
    await using server = await serve(() => setImmediate(() => clock.advance(5000)));
    const fetcher = loopbackFetcher({ timers: clock });
    await expect(verifyIdentityToken(fetcher, server.url, 't')).rejects.toThrow(failed);
  });

  it('is not asked on a forbidden address', async () => {
    await using server = await serveJson({ verified: true, external_id: 'alice' });
    const fetcher = new SafeFetcher({ timers: new ManualClock() });
    await expect(verifyIdentityToken(fetcher, server.url, 't')).rejects.toThrow(failed);
    expect(server.connections()).toBe(0);
  });
});
