import { createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { systemTimers } from '@muster/core';
import { afterEach, describe, expect, it } from 'vitest';
import type { AddressKind } from '../../../src/origin/addresses.ts';
import { RequestFailure } from '../../../src/origin/failure.ts';
import { ConnectFailure, type OriginReply } from '../../../src/origin/http.ts';
import { NodeHttp, type NodeHttpOptions } from '../../../src/origin/outbound/node-http.ts';
import { readAll } from '../../support/origin-fixture.ts';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server that answers with raw bytes. */
async function rawServer(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => answer(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function client(options: Partial<NodeHttpOptions> = {}): NodeHttp {
  const http = new NodeHttp({
    timers: systemTimers,
    connectMs: 5_000,
    headerMs: 5_000,
    idleMs: 5_000,
    ...options,
  });
  closers.unshift(() => http.close());
  return http;
}

async function get(http: NodeHttp, url: string, namedFrom?: AddressKind): Promise<OriginReply> {
  const signal = new AbortController().signal;
  return http.send({
    method: 'GET',
    url: new URL(url),
    headers: {},
    signal,
    ...(namedFrom && { namedFrom }),
  });
}

const failureOf = async (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('NodeHttp', () => {
  it('gives status, headers, challenges and the kind of network', async () => {
    const url = await rawServer((socket) =>
      socket.end(
        'HTTP/1.1 401 No\r\nwww-authenticate: Basic realm="a, b"\r\nWWW-Authenticate: Bearer realm="c"\r\nContent-Length: 2\r\n\r\nhi',
      ),
    );
    const reply = await get(client(), url);
    expect(reply.status).toBe(401);
    expect(reply.challenges).toEqual(['Basic realm="a, b"', 'Bearer realm="c"']);
    expect(reply.header('content-length')).toBe('2');
    expect(reply.remoteKind).toBe('loopback');
    expect((await readAll(reply.body)).toString()).toBe('hi');
  });

  it.each([
    [
      'headers without end',
      (socket: Socket) => flood(socket, 'HTTP/1.1 200 OK\r\n', 'x-header: 0123456789\r\n'),
    ],
    ['one header without end', (socket: Socket) => flood(socket, 'HTTP/1.1 200 OK\r\nx: ', '0123456789')],
    ['no HTTP', (socket: Socket) => socket.end('SSH-2.0-server\r\n')],
    [
      'two lengths',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'),
    ],
    ['a negative length', (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n')],
    [
      'another protocol',
      (socket: Socket) => socket.write('HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    ],
  ])('fails for good on %s', async (_name, answer) => {
    const failure = await failureOf(get(client(), await rawServer(answer)));
    expect(failure).toBeInstanceOf(RequestFailure);
    expect(failure).not.toBeInstanceOf(ConnectFailure);
  });

  it.each([
    ['less than its length', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc'],
    ['an open chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc'],
    ['no last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
    ['a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc'],
  ])('never takes a body with %s for a whole one', async (_name, text) => {
    const url = await rawServer((socket) => socket.end(text));
    const failure = await failureOf(get(client(), url).then(async ({ body }) => readAll(body)));
    expect(failure).toBeInstanceOf(RequestFailure);
  });

  it('tells a server that is not there from one that is slow', async () => {
    const gone = createServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/`;
    gone.close();
    await once(gone, 'close');
    expect(await failureOf(get(client(), url))).toBeInstanceOf(ConnectFailure);
    const hangUp = await rawServer((socket) => socket.destroy());
    expect(await failureOf(get(client(), hangUp))).toBeInstanceOf(ConnectFailure);
    const silent = await rawServer(() => {});
    const late = await failureOf(get(client({ headerMs: 30 }), silent));
    expect(late).toBeInstanceOf(RequestFailure);
    expect(late).not.toBeInstanceOf(ConnectFailure);
  });

  it('bounds the time until connected by a name that does not resolve in time', async () => {
    const http = client({ connectMs: 30, resolve: async () => new Promise(() => {}) });
    expect(String(await failureOf(get(http, 'http://registry.example/')))).toContain('no connection');
  });

  it('sends what others named only to addresses that fit, all of them, and to those that were looked at', async () => {
    let requests = 0;
    const url = await rawServer((socket) => {
      const answer = (): void => {
        requests += 1;
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      };
      socket.on('data', answer);
      answer();
    });
    const port = new URL(url).port;
    const resolve = async (host: string) =>
      (host === 'mixed.example' ? ['8.8.8.8', '127.0.0.1'] : ['127.0.0.1']).map((address) => ({
        address,
        family: 4,
      }));
    const http = client({ resolve });
    for (const host of ['inside.example', 'mixed.example', '127.0.0.1', '[::ffff:127.0.0.1]', '2130706433']) {
      const failure = await failureOf(get(http, `http://${host}:${port}/`, 'public'));
      expect(String(failure)).toContain('a public address leads to a loopback address');
    }
    expect(requests).toBe(0);
    // Neither do they get a connection that was made for others, and is idle.
    for (const from of ['loopback', undefined] as const) {
      const reply = await get(http, `http://inside.example:${port}/`, from);
      expect((await readAll(reply.body)).toString()).toBe('ok');
    }
    expect(requests).toBe(2);
    expect(String(await failureOf(get(http, `http://inside.example:${port}/`, 'public')))).toContain(
      'leads to',
    );
    expect(requests).toBe(2);
  });

  it('does not read the whole of what it discards', async () => {
    let sent = 0;
    const closed = Promise.withResolvers<void>();
    const url = await rawServer((socket) => {
      socket.once('close', () => closed.resolve());
      socket.write('HTTP/1.1 404 No\r\nContent-Length: 100000000000\r\n\r\n');
      const more = (): void => {
        let isTaken = true;
        while (isTaken && !socket.destroyed) {
          isTaken = socket.write(Buffer.alloc(65_536));
          sent += 65_536;
        }
      };
      socket.on('drain', more);
      more();
    });
    (await get(client(), url)).discard();
    await closed.promise;
    expect(sent).toBeLessThan(32 * 1_048_576);
  });

  it('uses a connection again after a discarded answer', async () => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on('error', () => {});
      socket.on('data', () => socket.write('HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\nnope'));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    const http = client();
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    (await get(http, url)).discard();
    await expect
      .poll(async () => {
        const before = connections;
        const reply = await get(http, url);
        await readAll(reply.body);
        return connections === before;
      })
      .toBe(true);
  });

  it('holds the server back while nobody reads', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(65_536);
    const url = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
      const more = (): void => {
        let isTaken = true;
        while (isTaken && !socket.destroyed) {
          isTaken = socket.write(chunk);
          sent += chunk.length;
        }
      };
      socket.on('drain', more);
      more();
    });
    const reply = await get(client({ idleMs: 1 }), url);
    let last = -1;
    await expect
      .poll(
        () => {
          const isStill = sent === last;
          last = sent;
          return isStill;
        },
        { interval: 100 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(64 * 1_048_576);
    for await (const bytes of reply.body) {
      expect(bytes.length).toBeGreaterThan(0);
      break;
    }
  });

  it('stops a request that is no longer wanted, with the reason given', async () => {
    const url = await rawServer(() => {});
    const controller = new AbortController();
    const reason = new Error('gone');
    const sending = client().send({
      method: 'GET',
      url: new URL(url),
      headers: {},
      signal: controller.signal,
    });
    controller.abort(reason);
    await expect(sending).rejects.toBe(reason);
  });

  it('refuses what cannot be written as a header', async () => {
    const signal = new AbortController().signal;
    const sending = client().send({
      method: 'GET',
      url: new URL('http://127.0.0.1:1/'),
      headers: { authorization: 'Bearer a\r\nb: c' },
      signal,
    });
    await expect(sending).rejects.toBeInstanceOf(RequestFailure);
  });
});

function flood(socket: Socket, head: string, more: string): void {
  socket.write(head);
  const push = (): void => {
    while (!socket.destroyed && socket.write(more.repeat(100)));
  };
  socket.on('drain', push);
  push();
}
