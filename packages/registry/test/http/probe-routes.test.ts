import { breakerErrors } from '../../src/breakers/index.ts';
import { describe, expect, test } from 'vitest';
import { httpFixture } from './fixture.ts';

describe('GET /healthz', () => {
  test.each([
    ['starting', 200],
    ['ok', 200],
    ['failed', 503],
  ] as const)('%s answers %d', async (status, code) => {
    const { app, state } = await httpFixture();
    state.health = { ...state.health, status };
    const response = await app.inject('/healthz');
    expect(response.statusCode).toBe(code);
    expect(response.json()).toEqual({
      status,
      version: '1.0',
      server_version: '0.1.0',
      uptime_seconds: 12,
      nodes_online: 3,
    });
  });
});

describe('GET /readyz', () => {
  test('tells whether requests are welcome, and why not', async () => {
    const { app, state } = await httpFixture();
    expect((await app.inject('/readyz')).json()).toEqual({ ready: true });
    state.notReady = 'loading the store';
    const response = await app.inject('/readyz');
    expect(response.statusCode).toBe(503);
    expect(response.json()).toEqual({ ready: false, reason: 'loading the store' });
  });
});

describe('what is for this machine only', () => {
  const routes = [
    ['GET', '/metrics'],
    ['POST', '/api/snapshot'],
  ] as const;

  test.each(routes)('%s %s answers a loopback caller', async (method, url) => {
    const { app, state } = await httpFixture();
    for (const host of [
      'localhost:8080',
      'LOCALHOST',
      '127.0.0.1',
      '127.9.9.9:1',
      '[::1]:80',
      '[::ffff:127.0.0.1]',
    ]) {
      const response = await app.inject({ method, url, headers: { host } });
      expect([host, response.statusCode]).toEqual([host, 200]);
    }
    expect(state.snapshots).toBe(method === 'POST' ? 6 : 0);
  });

  test.each(routes)('%s %s answers nobody else', async (method, url) => {
    const { app, state } = await httpFixture();
    const refused = async (
      code: string,
      request: { remoteAddress?: string; headers?: Record<string, string> },
    ) => {
      const { headers = {}, remoteAddress = '127.0.0.1' } = request;
      const response = await app.inject({
        method,
        url,
        remoteAddress,
        headers: { host: 'localhost', ...headers },
      });
      expect([request, response.statusCode, (response.json() as { code: string }).code]).toEqual([
        request,
        403,
        code,
      ]);
    };
    for (const remoteAddress of ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '10.0.0.1', 'unknown']) {
      await refused('local_only', { remoteAddress });
      await refused('local_only', { remoteAddress, headers: { 'x-forwarded-for': '127.0.0.1' } });
    }
    for (const header of ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']) {
      await refused('local_only', { headers: { [header]: '127.0.0.1' } });
    }
    for (const host of [
      'evil.example',
      'evil.example:80',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '192.0.2.1',
      '[2001:db8::1]:80',
      '127.0.0.1:80:90',
      ':80',
    ]) {
      await refused('host_not_allowed', { headers: { host } });
    }
    await refused('cross_origin', { headers: { origin: 'http://evil.example' } });
    await refused('cross_origin', { headers: { origin: 'null' } });
    await refused('cross_origin', { headers: { 'sec-fetch-site': 'cross-site' } });
    expect(state.snapshots).toBe(0);
  });

  test('metrics are Prometheus text', async () => {
    const { app } = await httpFixture();
    const response = await app.inject({ url: '/metrics', headers: { host: 'localhost' } });
    expect(response.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(response.body).toMatch(/^# HELP pilot_nodes_online/);
  });

  test('a snapshot that fails says so, and no more than the caller may know', async () => {
    const { app, state, logger } = await httpFixture();
    const post = async () =>
      app.inject({ method: 'POST', url: '/api/snapshot', headers: { host: 'localhost' } });
    state.snapshotFailure = new Error('secret detail');
    const failed = await post();
    expect(failed.statusCode).toBe(500);
    expect(failed.json()).toEqual({ error: 'snapshot failed: see the log', code: 'snapshot_failed' });
    expect(logger.entries.filter((entry) => entry.level === 'error')).toHaveLength(1);
    state.snapshotFailure = Object.assign(new Error('write /data/x'), { code: 'ENOSPC' });
    expect((await post()).json()).toEqual({ error: 'snapshot failed: ENOSPC', code: 'snapshot_failed' });
    const text = 'service unavailable: breaker "snapshot.write" is open (maintenance)';
    state.snapshotFailure = breakerErrors.create('breaker_open', text);
    const refused = await post();
    expect(refused.statusCode).toBe(503);
    expect(refused.json()).toEqual({ error: text, code: 'breaker_open' });
  });

  test('no snapshot is written while the store is being loaded', async () => {
    const { app, state } = await httpFixture();
    state.health = { ...state.health, status: 'starting' };
    state.notReady = 'loading the store';
    const response = await app.inject({
      method: 'POST',
      url: '/api/snapshot',
      headers: { host: 'localhost' },
    });
    expect(response.statusCode).toBe(503);
    expect(response.json()).toEqual({ error: 'not ready: loading the store', code: 'not_ready' });
    expect(state.snapshots).toBe(0);
  });

  test('an unexpected failure is logged, and the caller learns nothing of it', async () => {
    const { app, state, logger } = await httpFixture();
    state.metricsFailure = new Error('secret detail');
    const response = await app.inject({ url: '/metrics', headers: { host: 'localhost' } });
    expect(response.statusCode).toBe(500);
    expect(response.json()).toEqual({ error: 'internal error', code: 'internal' });
    expect(logger.entries.filter((entry) => entry.level === 'error')).toHaveLength(1);
  });
});
