import { once } from 'node:events';
import { connect } from 'node:net';
import { Identity } from '@muster/core/identity';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlServer, MAX_EVENT_READERS } from '../../src/dev/control-server.ts';
import { callControl } from '../../src/fleet/control-call.ts';
import { joinRequest } from '../../src/fleet/join-protocol.ts';
import { fleetFile } from '../support/fleet-file.ts';
import { until } from '../support/until.ts';
import { type FakeControl, fakeControl } from './fake-control.ts';

const TOKEN = 'the-token_of-tests';
let control: FakeControl;
let server: ControlServer;

beforeEach(async () => {
  control = fakeControl();
  server = await ControlServer.start({ control, token: TOKEN, port: 0 });
});
afterEach(async () => await server.stop());

async function ask(
  route: string,
  options: { body?: unknown; headers?: Record<string, string>; token?: string } = {},
): Promise<{ status: number; body: unknown }> {
  const [method = '', path = ''] = route.split(' ');
  const { body, headers = {}, token = TOKEN } = options;
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

/** What comes back for bytes that no client would send. */
async function raw(text: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  socket.end(text);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk.toString()));
  await once(socket, 'close');
  return answer;
}

describe('the control address', () => {
  it('does what it is asked for', async () => {
    expect(await ask('GET /fleet')).toEqual({ status: 200, body: fleetFile('/fleet') });
    const added = await ask('POST /members', { body: { role: 'indexer', misbehave: 'lie' } });
    expect(added).toMatchObject({ status: 201, body: { name: 'bravo' } });
    for (const act of ['kill', 'restart', 'pause', 'resume']) {
      expect(await ask(`POST /members/alpha/${act}`)).toMatchObject({ status: 200, body: { name: 'alpha' } });
    }
    expect(await ask('DELETE /members/alpha')).toMatchObject({ status: 200 });
    expect(await ask('POST /cut', { body: { groups: [['alpha'], ['bravo']] } })).toMatchObject({
      status: 200,
    });
    expect(await ask('DELETE /cut')).toMatchObject({ status: 200 });
    expect(await ask('POST /tickets')).toEqual({ status: 201, body: { line: 'mst1.x', expiresAt: 1 } });
    expect(control.asked).toEqual([
      ['add', { role: 'indexer', misbehave: 'lie' }],
      ['kill', 'alpha'],
      ['restart', 'alpha'],
      ['pause', 'alpha'],
      ['resume', 'alpha'],
      ['remove', 'alpha'],
      ['cut', [['alpha'], ['bravo']]],
      ['heal'],
    ]);
  });

  it('does nothing without the token, or with another', async () => {
    for (const token of ['', 'x', `${TOKEN}x`, TOKEN.slice(1), 'x'.repeat(500)]) {
      expect(await ask('POST /members/alpha/kill', { token })).toMatchObject({
        status: 401,
        body: { error: { code: 'CONTROL_UNAUTHORIZED' } },
      });
    }
    const answer = await fetch(`${server.url}/fleet`);
    expect(answer.status).toBe(401);
    expect(control.asked).toEqual([]);
  });

  it('answers nobody who calls it by another name', async () => {
    for (const host of ['evil.example', `evil.example:${server.port}`, '127.0.0.1', '']) {
      const answer = await raw(
        `GET /fleet HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).not.toContain('"members"');
    }
    const named = `GET /fleet HTTP/1.1\r\nHost: localhost:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\nConnection: close\r\n\r\n`;
    expect(await raw(named)).toMatch(/^HTTP\/1.1 200 /);
  });

  it.each([
    ['POST /members', 'no json'],
    ['POST /members', '[]'],
    ['POST /members', '"x"'],
    ['POST /members', ''],
    ['POST /members', { role: 'registry' }],
    ['POST /members', { role: 'node', name: '../x' }],
    ['POST /members', { role: 'node', misbehave: 'lie' }],
    ['POST /members', { role: 'indexer', misbehave: 'cheat' }],
    ['POST /members', { role: 'node', port: 1 }],
    ['POST /members', 'x'.repeat(100_000)],
    ['POST /cut', { groups: [['alpha']] }],
    ['POST /cut', { groups: [['alpha'], ['alpha']] }],
    ['POST /cut', { groups: [['alpha'], []] }],
    ['POST /cut', { groups: [['alpha'], [1]] }],
    ['POST /cut', { groups: [Array.from({ length: 2_000 }, (_, index) => `n${index}`), ['alpha']] }],
    ['POST /cut', { groups: Array.from({ length: 17 }, (_, index) => [`n${index}`]) }],
    ['POST /join', {}],
    ['PUT /fleet', undefined],
    ['GET /', undefined],
    ['POST /members/alpha/rename', undefined],
    ['POST /members/a.b/kill', undefined],
    ['DELETE /members/', undefined],
  ])('refuses %s of %j', async (route, body) => {
    expect(await ask(route, body === undefined ? {} : { body })).toMatchObject({
      status: 400,
      body: { error: { code: 'CONTROL_REQUEST' } },
    });
    expect(control.asked).toEqual([]);
  });

  it('takes no body of another type, as a form of a web page sends it', async () => {
    const body = { role: 'node' };
    const headers = { 'content-type': 'text/plain' };
    expect(await ask('POST /members', { body, headers })).toMatchObject({ status: 400 });
  });

  it('says that a member is unknown', async () => {
    expect(await ask('POST /members/zulu/kill')).toMatchObject({
      status: 404,
      body: { error: { code: 'FLEET_MEMBER_UNKNOWN' } },
    });
  });

  it('lets in with a ticket, which needs no token, and tells why it does not', async () => {
    const request = joinRequest(Identity.generate(), { ticket: new Uint8Array(16), nodeId: 1, name: 'echo' });
    const call = { url: server.url, method: 'POST', path: '/join' } as const;
    await expect(callControl({ ...call, body: request })).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
    await expect(callControl({ ...call, body: { ...request, name: 'golf' } })).rejects.toMatchObject({
      code: 'CONTROL_REQUEST',
    });
    expect(control.asked).toEqual([['join', 'echo']]);
  });

  it('tells readers of what happens to members, and forgets those that have left', async () => {
    const leaving = new AbortController();
    const response = await fetch(`${server.url}/events`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: leaving.signal,
    });
    await until('a reader', () => control.listeners === 1);
    control.tell({ name: 'alpha', state: 'killed', at: 5 });
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      if (text.includes('killed')) break;
    }
    expect(text).toContain('event: member\ndata: {"name":"alpha","state":"killed","at":5}\n\n');
    leaving.abort();
    await until('no reader', () => control.listeners === 0);
  });

  it('has room for so many readers', async () => {
    const leaving = new AbortController();
    const read = async (): Promise<number> => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      return (await fetch(`${server.url}/events`, { headers, signal: leaving.signal })).status;
    };
    const first = await Promise.all(Array.from({ length: MAX_EVENT_READERS }, read));
    expect(new Set(first)).toEqual(new Set([200]));
    expect(await read()).toBe(429);
    leaving.abort();
  });
});

describe('a call', () => {
  it('tells when nobody answers, and when somebody else does', async () => {
    const call = { url: server.url, method: 'GET', path: '/fleet' } as const;
    await expect(callControl({ ...call, token: 'x' })).rejects.toMatchObject({
      code: 'CONTROL_UNAUTHORIZED',
    });
    await expect(callControl({ ...call, url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'CONTROL_UNREACHABLE',
    });
  });
});
