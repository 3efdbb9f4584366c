import { describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, httpFixture } from './fixture.ts';

const headers = { 'x-admin-token': ADMIN_TOKEN };
const ROUTES = [
  ['GET', '/api/breakers', 'read'],
  ['PUT', '/api/breakers/registry.punch', 'operations'],
  ['POST', '/api/breakers/registry.punch', 'operations'],
  ['DELETE', '/api/breakers/registry.punch', 'operations'],
  ['GET', '/api/admin/whitelist', 'read'],
  ['PUT', '/api/admin/whitelist', 'operations'],
  ['DELETE', '/api/admin/nodes/7/signature-ratchet', 'nodes'],
  ['GET', '/api/health', 'read'],
  ['GET', '/api/runtime', 'read'],
] as const;

describe('the admin token', () => {
  test.each(ROUTES)('%s %s needs it, in the header', async (method, url) => {
    const { app, state, files } = await httpFixture();
    const attempts = [
      {},
      { headers: { 'x-admin-token': '' } },
      { headers: { 'x-admin-token': `${ADMIN_TOKEN}x` } },
      { headers: { 'x-admin-token': ADMIN_TOKEN.slice(0, -1) } },
      { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } },
      { query: { admin_token: ADMIN_TOKEN } },
    ];
    for (const attempt of attempts) {
      const response = await app.inject({ method, url, ...attempt });
      expect(response.statusCode).toBe(401);
      expect(response.json()).toEqual({ error: 'unauthorized', code: 'unauthorized' });
    }
    expect(state.audited).toEqual([]);
    expect(files.texts.size).toBe(0);
  });

  test.each(ROUTES)('%s %s is off when none is configured', async (method, url) => {
    const { app } = await httpFixture({ plainToken: '' });
    for (const token of ['', 'anything']) {
      const response = await app.inject({ method, url, headers: { 'x-admin-token': token } });
      expect(response.statusCode).toBe(401);
      expect(response.json()).toEqual({ error: 'admin token not configured', code: 'admin_not_configured' });
    }
  });

  test.each(ROUTES)('%s %s needs its scope', async (method, url, scope) => {
    const { app, scopedToken } = await httpFixture({ scoped: [scope === 'read' ? 'operations' : 'read'] });
    const response = await app.inject({ method, url, headers: { 'x-admin-token': scopedToken } });
    expect(response.statusCode).toBe(403);
    expect(response.json()).toEqual({
      error: `admin token lacks the scope ${scope}`,
      code: 'insufficient_scope',
    });
  });

  test('is looked at before the body is', async () => {
    const { app } = await httpFixture();
    const response = await app.inject({
      method: 'PUT',
      url: '/api/breakers/registry.punch',
      headers: { 'content-type': 'application/json' },
      payload: '{',
    });
    expect(response.statusCode).toBe(401);
  });
});

describe('breakers', () => {
  test('are listed, set, counted and removed', async () => {
    const { app, breakers, files, clock, state } = await httpFixture();
    const url = '/api/breakers/registry.resolve';
    const set = await app.inject({
      method: 'PUT',
      url,
      headers,
      payload: { state: 'open', reason: 'flood' },
    });
    expect(set.statusCode).toBe(200);
    expect(set.json()).toEqual({ ok: true, name: 'registry.resolve' });
    expect(breakers.get('registry.resolve').isOpen).toBe(true);
    expect(JSON.parse(files.texts.get('/data/breakers.json')?.text ?? '')).toEqual({
      'registry.resolve': { state: 'open', reason: 'flood' },
    });
    breakers.get('registry.resolve').deny(clock.now() + 5_000);
    breakers.get('registry.heartbeat').allowedTotal += 9;
    const list = (await app.inject({ url: '/api/breakers', headers })).json() as { name: string }[];
    expect(list).toHaveLength(16);
    expect(list.find(({ name }) => name === 'registry.resolve')).toEqual({
      name: 'registry.resolve',
      state: 'open',
      reason: 'flood',
      updated_at: '2026-03-04T05:06:07Z',
      allowed_total: 0,
      denied_total: 1,
      last_denied_at: '2026-03-04T05:06:12Z',
    });
    expect(list.find(({ name }) => name === 'registry.heartbeat')).toMatchObject({
      allowed_total: 9,
      updated_at: null,
      last_denied_at: null,
    });
    const half = await app.inject({ method: 'POST', url, headers, payload: { state: 'half-open' } });
    expect(half.statusCode).toBe(200);
    expect(breakers.get('registry.resolve')).toMatchObject({ isOpen: false, state: 'half_open', reason: '' });
    const removed = await app.inject({ method: 'DELETE', url, headers });
    expect(removed.json()).toEqual({ ok: true, name: 'registry.resolve' });
    expect(files.texts.get('/data/breakers.json')?.text).toBe('{}\n');
    expect(state.audited).toEqual([
      ['breaker.set', 'registry.resolve', 'open', 'flood', 'admin'],
      ['breaker.set', 'registry.resolve', 'half-open', '', 'admin'],
      ['breaker.delete', 'registry.resolve', 'admin'],
    ]);
  });

  test.each([
    ['registry.punch', { state: 'ajar' }, 400, 'breaker_state_unknown'],
    ['registry.nothing', { state: 'open' }, 404, 'breaker_unknown'],
    ['registry.punch', {}, 400, 'bad_request'],
    ['registry.punch', { state: 1 }, 400, 'bad_request'],
    ['registry.punch', { state: 'open', reason: 5 }, 400, 'bad_request'],
    ['registry.punch', { state: 'open', reason: 'x'.repeat(513) }, 400, 'bad_request'],
    ['registry.punch', [], 400, 'bad_request'],
  ])('%s with %j answers %d', async (name, payload, status, code) => {
    const { app, state } = await httpFixture();
    const response = await app.inject({ method: 'PUT', url: `/api/breakers/${name}`, headers, payload });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject({ code, error: expect.stringMatching(/./) });
    expect(state.audited).toEqual([]);
  });

  test('the text of a wrong state is the original one', async () => {
    const { app } = await httpFixture();
    const response = await app.inject({
      method: 'PUT',
      url: '/api/breakers/registry.punch',
      headers,
      payload: { state: 'ajar' },
    });
    expect(response.json()).toMatchObject({
      error: 'unknown breaker state "ajar" (want closed | half_open | open)',
    });
  });

  test('a breaker that can not be saved is in force, and the caller is told', async () => {
    const { app, breakers, files } = await httpFixture();
    files.failure = Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
    const response = await app.inject({
      method: 'PUT',
      url: '/api/breakers/registry.punch',
      headers,
      payload: { state: 'open' },
    });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({
      error: 'breaker registry.punch is in force, but could not be saved: ENOSPC',
      code: 'not_saved',
    });
    expect(breakers.get('registry.punch').isOpen).toBe(true);
  });
});

describe('the whitelist', () => {
  test.each([
    ['an array', (entries: unknown) => entries],
    ['an object with entries', (entries: unknown) => ({ entries })],
  ])('is replaced by %s, and read', async (_form, payload) => {
    const { app, state } = await httpFixture();
    const entries = [
      { cidr: '192.0.2.0/24', rate: 50 },
      { cidr: '2001:db8::1', rate: 0.5 },
    ];
    const put = await app.inject({
      method: 'PUT',
      url: '/api/admin/whitelist',
      headers: { ...headers, 'content-type': 'application/json' },
      payload: JSON.stringify(payload(entries)),
    });
    expect(put.json()).toEqual({ ok: true, count: 2 });
    expect((await app.inject({ url: '/api/admin/whitelist', headers })).json()).toEqual({
      entries,
      count: 2,
    });
    expect(state.audited).toEqual([['whitelist', 2, 'admin']]);
  });

  test.each([
    [[{ cidr: '192.0.2.0/99', rate: 5 }], 'whitelist_invalid'],
    [[{ cidr: '192.0.2.0/24', rate: 0 }], 'bad_request'],
    [[{ cidr: '192.0.2.0/24' }], 'bad_request'],
    [{ cidr: '192.0.2.0/24', rate: 5 }, 'bad_request'],
  ])('%j is refused', async (payload, code) => {
    const { app, files } = await httpFixture();
    const response = await app.inject({ method: 'PUT', url: '/api/admin/whitelist', headers, payload });
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ code });
    expect(files.texts.size).toBe(0);
  });

  test('of ten thousand entries fits', async () => {
    const { app } = await httpFixture();
    const payload = Array.from({ length: 10_000 }, (_, n) => ({
      cidr: `2001:db8:${n.toString(16)}::/48`,
      rate: 1,
    }));
    const put = await app.inject({ method: 'PUT', url: '/api/admin/whitelist', headers, payload });
    expect(put.json()).toEqual({ ok: true, count: 10_000 });
  });
});

describe('figures', () => {
  test('of snapshots and the log', async () => {
    const { app, breakers, state } = await httpFixture();
    breakers.get('snapshot.write').set({ state: 'half_open', reason: '' }, 1);
    const expected = {
      snapshots_total: 4,
      snapshots_failed: 1,
      max_snapshot_duration_ms: 120.5,
      server_time: '2026-03-04T05:06:07Z',
      last_snapshot_at: null,
      last_snapshot_duration_ms: 30,
      last_snapshot_size_bytes: 1_000,
      last_snapshot_rlock_ms: 0.5,
      wal_size_bytes: 2_000,
      snapshot_write_breaker: 'half_open',
      replication_subscribers: 2,
    };
    expect((await app.inject({ url: '/api/health', headers })).json()).toEqual(expected);
    state.snapshots = 1;
    expect((await app.inject({ url: '/api/health', headers })).json()).toEqual({
      ...expected,
      last_snapshot_at: '2026-03-04T05:06:07Z',
    });
  });

  test('of the process and the registry', async () => {
    const { app } = await httpFixture();
    const response = await app.inject({ url: '/api/runtime', headers });
    expect(response.json()).toMatchObject({
      process: { pid: process.pid, node_version: process.version },
      memory: { resident_bytes: expect.any(Number) },
      registry: { connections: 7, role: 'primary' },
    });
  });
});

describe('the signature ratchet of a node (B-10)', () => {
  const remove = async (id: string) => {
    const { app, state } = await httpFixture();
    const response = await app.inject({
      method: 'DELETE',
      url: `/api/admin/nodes/${id}/signature-ratchet`,
      headers,
    });
    return { status: response.statusCode, body: response.json() as unknown, audited: state.audited };
  };

  test('is cleared for a node that exists', async () => {
    const { status, body, audited } = await remove('7');
    expect(status).toBe(200);
    expect(body).toEqual({ ok: true, node_id: 7 });
    expect(audited).toEqual([['ratchet', 7, 'admin']]);
  });

  test('cannot be cleared for one that does not', async () => {
    expect(await remove('8')).toMatchObject({ status: 404, body: { code: 'not_found' }, audited: [] });
  });

  test.each(['0', '-1', '1e3', '99999999999', 'x'])('refuses the id %s', async (id) => {
    expect(await remove(id)).toMatchObject({ status: 400, audited: [] });
  });
});
