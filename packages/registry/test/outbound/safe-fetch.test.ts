import { describe, expect, it } from 'vitest';
import { systemRandom, systemTimers } from '@muster/core';
import { ManualClock } from '@muster/core/testing';
import { Destinations, SafeFetcher } from '../../src/outbound/index.ts';
import type { OutboundRequest, Resolver } from '../../src/outbound/index.ts';
import { makeSelfSigned } from '../../src/server/tls/index.ts';
import { loopbackFetcher, serve, serveJson, serveTls } from './server.ts';

const code = (value: string): unknown => expect.objectContaining({ code: value });
const get = (url: string, change: Partial<OutboundRequest> = {}): OutboundRequest => ({
  method: 'GET',
  url,
  timeoutMs: 30_000,
  maxReplyBytes: 1000,
  ...change,
});
const resolvesTo =
  (...addresses: string[]): Resolver =>
  async () =>
    addresses;

describe('SafeFetcher', () => {
  it('posts a body and gives the reply', async () => {
    await using server = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const { method, url, headers } = request;
        const { host, authorization } = headers;
        const body = Buffer.concat(chunks).toString();
        response.writeHead(201, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ method, url, host, authorization, length: headers['content-length'], body }),
        );
      });
    });
    const url = `http://us%65r:p%zz@127.0.0.1:${server.port}/a?b=c#d`;
    const reply = await loopbackFetcher().fetch(get(url, { method: 'POST', body: 'é' }));
    expect(reply.status).toBe(201);
    expect(reply.contentType).toBe('application/json');
    expect(JSON.parse(reply.body.toString())).toEqual({
      method: 'POST',
      url: '/a?b=c',
      host: `127.0.0.1:${server.port}`,
      authorization: `Basic ${Buffer.from('user:p%zz').toString('base64')}`,
      length: '2',
      body: 'é',
    });
  });

  it('reports a redirect and does not follow it', async () => {
    await using target = await serveJson({});
    await using server = await serve((_, response) => {
      response.writeHead(302, { location: target.url }).end('moved');
    });
    expect((await loopbackFetcher().fetch(get(server.url))).status).toBe(302);
    expect(target.connections()).toBe(0);
  });

  it.each([
    'http://127.0.0.1:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::1]:PORT/',
    'http://0.0.0.0:PORT/',
    'http://[64:ff9b::127.0.0.1]:PORT/',
    'http://metadata.google.internal.:PORT/',
  ])('does not reach loopback by way of %s', async (pattern) => {
    await using server = await serveJson({});
    const fetcher = new SafeFetcher({ timers: systemTimers, resolve: resolvesTo('8.8.8.8') });
    const url = pattern.replace('PORT', String(server.port));
    await expect(fetcher.fetch(get(url))).rejects.toThrow(code('destination_denied'));
    expect(server.connections()).toBe(0);
  });

  it('refuses a name that has one forbidden address among good ones', async () => {
    const resolve = resolvesTo('8.8.8.8', '10.0.0.1');
    const fetcher = new SafeFetcher({ timers: systemTimers, resolve });
    await expect(fetcher.fetch(get('http://mixed.test/'))).rejects.toThrow(code('destination_denied'));
  });

  it('connects to the address that was checked, whatever the name says afterwards', async () => {
    await using good = await serveJson('good');
    let asked = 0;
    // The classic rebinding: an allowed address for the check, a forbidden one for the connection.
    const resolve: Resolver = async () => (asked++ === 0 ? ['127.0.0.1'] : ['127.0.0.2']);
    const fetcher = loopbackFetcher({ resolve, destinations: Destinations.allowing(['127.0.0.1']) });
    const url = `http://rebinding.test:${good.port}/`;
    expect((await fetcher.fetch(get(url))).body.toString()).toBe('"good"');
    expect(asked).toBe(1);
    await expect(fetcher.fetch(get(url))).rejects.toThrow(code('destination_denied'));
  });

  it('does not look at the addresses of a host that is listed by name', async () => {
    await using server = await serveJson('listed');
    const resolve = resolvesTo('127.0.0.1');
    const fetcher = loopbackFetcher({ resolve, destinations: Destinations.allowing(['hooks.test']) });
    expect((await fetcher.fetch(get(`http://Hooks.Test:${server.port}/`))).status).toBe(200);
    await expect(fetcher.fetch(get(`http://other.test:${server.port}/`))).rejects.toThrow(
      code('destination_denied'),
    );
  });

  it('tries the next address when one takes no connection', async () => {
    await using server = await serveJson('second');
    const resolve = resolvesTo('127.0.0.9', '127.0.0.1');
    const reply = await loopbackFetcher({ resolve }).fetch(get(`http://two.test:${server.port}/`));
    expect(reply.body.toString()).toBe('"second"');
  });

  it('says when nothing answers, or the name has no address', async () => {
    const closed = await serveJson({});
    await closed[Symbol.asyncDispose]();
    await expect(loopbackFetcher().fetch(get(closed.url))).rejects.toThrow(code('request_failed'));
    const nothing = loopbackFetcher({ resolve: resolvesTo() });
    await expect(nothing.fetch(get('http://none.test/'))).rejects.toThrow(code('resolve_failed'));
    const failing = loopbackFetcher({ resolve: () => Promise.reject(new Error('SERVFAIL')) });
    await expect(failing.fetch(get('http://none.test/'))).rejects.toThrow(code('resolve_failed'));
  });

  it.each(['ftp://127.0.0.1/', 'nonsense', 'http://[fe80::1%25eth0]/'])('refuses %s', async (url) => {
    await expect(loopbackFetcher().fetch(get(url))).rejects.toThrow(code('invalid_url'));
  });
});

describe('bounds', () => {
  it('takes a reply of the largest size, and not one byte more', async () => {
    await using server = await serve(
      (request, response) => void response.end('x'.repeat(Number(request.url?.slice(1)))),
    );
    const fetcher = loopbackFetcher();
    expect((await fetcher.fetch(get(`${server.url}1000`))).body).toHaveLength(1000);
    await expect(fetcher.fetch(get(`${server.url}1001`))).rejects.toThrow(code('reply_too_large'));
  });

  it('stops reading an endless reply', async () => {
    let written = 0;
    let closed: (() => void) | undefined;
    const gone = new Promise<void>((resolve) => (closed = resolve));
    await using server = await serve((_, response) => {
      response.on('close', () => closed?.());
      const more = (): void => {
        while (!response.destroyed && written < 1e9) {
          written += 65_536;
          if (!response.write(Buffer.alloc(65_536))) return void response.once('drain', more);
        }
      };
      more();
    });
    await expect(loopbackFetcher().fetch(get(server.url))).rejects.toThrow(code('reply_too_large'));
    await gone;
    expect(written).toBeLessThan(1e9);
  });

  it.each(['headers', 'body'])('gives up on a server that never finishes its %s', async (stage) => {
    const clock = new ManualClock();
    await using server = await serve((_, response) => {
      if (stage === 'body') response.write('x');
      // Time runs out once the request is under way.
      setImmediate(() => clock.advance(5000));
    });
    const fetcher = loopbackFetcher({ timers: clock });
    await expect(fetcher.fetch(get(server.url, { timeoutMs: 5000 }))).rejects.toThrow(
      code('request_timeout'),
    );
    expect(fetcher.running).toBe(0);
  });

  it('gives up on a name server that never answers, and on a connection that was made too late', async () => {
    const clock = new ManualClock();
    let answer: (addresses: readonly string[]) => void = () => {};
    const resolve: Resolver = () => new Promise((done) => (answer = done));
    await using server = await serveJson({});
    const fetcher = loopbackFetcher({ timers: clock, resolve });
    const waiting = fetcher.fetch(get(`http://slow.test:${server.port}/`, { timeoutMs: 5000 }));
    clock.advance(5000);
    await expect(waiting).rejects.toThrow(code('request_timeout'));
    answer(['127.0.0.1']);
    await Promise.resolve();
    expect(server.connections()).toBe(0);
  });

  it('makes no more requests at a time than it may', async () => {
    let answer: (addresses: readonly string[]) => void = () => {};
    const resolve: Resolver = () => new Promise((done) => (answer = done));
    await using server = await serveJson({});
    const fetcher = loopbackFetcher({ resolve, maxConcurrentRequests: 1 });
    const url = `http://name.test:${server.port}/`;
    const first = fetcher.fetch(get(url));
    await expect(fetcher.fetch(get(url))).rejects.toThrow(code('outbound_busy'));
    answer(['127.0.0.1']);
    expect((await first).status).toBe(200);
    expect(fetcher.running).toBe(0);
  });

  it('reports a reply that breaks off', async () => {
    await using server = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('x', () => response.destroy());
    });
    await expect(loopbackFetcher().fetch(get(server.url))).rejects.toThrow(code('request_failed'));
  });
});

describe('TLS', () => {
  it('wants the certificate of the name, not of the address', async () => {
    const { key, certificate: cert } = await makeSelfSigned(['hooks.test'], Date.now(), systemRandom);
    await using server = await serveTls((_, response) => void response.end('secret'), key, cert);
    const fetcher = loopbackFetcher({ resolve: resolvesTo('127.0.0.1'), ca: cert });
    expect((await fetcher.fetch(get(`https://hooks.test:${server.port}/`))).body.toString()).toBe('secret');
    // The certificate names the address too, which must not help another name that resolves to it.
    expect((await fetcher.fetch(get(server.url))).status).toBe(200);
    await expect(fetcher.fetch(get(`https://other.test:${server.port}/`))).rejects.toThrow(
      code('request_failed'),
    );
    const trusting = loopbackFetcher({ resolve: resolvesTo('127.0.0.1') });
    await expect(trusting.fetch(get(`https://hooks.test:${server.port}/`))).rejects.toThrow(
      code('request_failed'),
    );
  });
});
