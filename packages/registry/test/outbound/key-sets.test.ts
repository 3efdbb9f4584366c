import { describe, expect, it } from 'vitest';
import { KEY_SET_LIFETIME_MS, KeySets, MAX_KEY_SET_BYTES } from '../../src/outbound/index.ts';
import { loopbackFetcher, serve, serveJson } from './server.ts';

const unavailable = expect.objectContaining({ code: 'key_set_unavailable' });

describe('KeySets', () => {
  it('keeps a set for its lifetime', async () => {
    await using server = await serveJson({ keys: [{ kty: 'oct', k: 'AAAA' }, null, 'x', { kty: 7 }] });
    const sets = new KeySets(loopbackFetcher());
    const now = 1_000_000;
    expect(await sets.keysOf(server.url, now)).toEqual([{ kty: 'oct', k: 'AAAA' }]);
    await sets.keysOf(server.url, now + KEY_SET_LIFETIME_MS - 1);
    expect(server.connections()).toBe(1);
    await sets.keysOf(server.url, now + KEY_SET_LIFETIME_MS);
    expect(server.connections()).toBe(2);
    // The clock went back.
    await sets.keysOf(server.url, now);
    expect(server.connections()).toBe(3);
  });

  it('asks once for callers that come together', async () => {
    await using server = await serveJson({ keys: [] });
    const sets = new KeySets(loopbackFetcher());
    await Promise.all([sets.keysOf(server.url, 1), sets.keysOf(server.url, 1), sets.keysOf(server.url, 2)]);
    expect(server.connections()).toBe(1);
  });

  it('keeps a bounded number of sets', async () => {
    await using server = await serveJson({ keys: [] });
    const sets = new KeySets(loopbackFetcher(), { maxKeySets: 2 });
    for (const name of ['a', 'b', 'c']) await sets.keysOf(`${server.url}${name}`, 1);
    expect(sets.size).toBe(2);
    await sets.keysOf(`${server.url}c`, 1);
    expect(server.connections()).toBe(3);
    await sets.keysOf(`${server.url}a`, 1);
    expect(server.connections()).toBe(4);
  });

  it('does not keep a failure', async () => {
    let status = 500;
    await using server = await serve((_, response) => void response.writeHead(status).end('{"keys":[]}'));
    const sets = new KeySets(loopbackFetcher());
    await expect(sets.keysOf(server.url, 1)).rejects.toThrow('fetch key set: status 500');
    expect(sets.size).toBe(0);
    status = 200;
    expect(await sets.keysOf(server.url, 1)).toEqual([]);
  });

  it.each([
    ['x', 'parse key set: not valid JSON'],
    ['{}', 'parse key set: no keys'],
    ['[]', 'parse key set: no keys'],
    ['null', 'parse key set: no keys'],
    ['{"keys":{}}', 'parse key set: no keys'],
  ])('refuses the set %s', async (body, message) => {
    await using server = await serve((_, response) => void response.end(body));
    const sets = new KeySets(loopbackFetcher());
    await expect(sets.keysOf(server.url, 1)).rejects.toThrow(message);
    await expect(sets.keysOf(server.url, 1)).rejects.toThrow(unavailable);
  });

  it('refuses a set of more than 64 KiB', async () => {
    await using server = await serve((request, response) => {
      response.end('{"keys":[]}'.padEnd(MAX_KEY_SET_BYTES + Number(request.url?.slice(1))));
    });
    const sets = new KeySets(loopbackFetcher());
    expect(await sets.keysOf(`${server.url}0`, 1)).toEqual([]);
    await expect(sets.keysOf(`${server.url}1`, 1)).rejects.toThrow(unavailable);
  });
});
