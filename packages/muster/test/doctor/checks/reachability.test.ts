import { Secret } from '@muster/core';
import { describe, expect, it } from 'vitest';
import {
  examineEndpoint,
  examineMember,
  examineOrigin,
  examineRegistry,
  examineTarget,
} from '../../../src/doctor/checks/reachability.ts';
import type { HttpAnswer } from '../../../src/doctor/probes/http.ts';

const answer = (status: number, body: object | string): HttpAnswer => ({
  kind: 'answer',
  status,
  text: typeof body === 'string' ? body : JSON.stringify(body),
  dateMs: undefined,
  sentMs: 0,
  receivedMs: 1,
});
const endpoint = (kind: 'registry' | 'status' | 'mirror', isExpected = true) =>
  ({ owner: 'x', kind, address: '127.0.0.1:1', setting: 'http', isExpected }) as const;
const REFUSED: HttpAnswer = { kind: 'failure', reason: 'ECONNREFUSED' };

describe('reachability', () => {
  it.each([
    ['registry', answer(200, { ready: true }), 'ok'],
    ['registry', answer(503, { ready: false, reason: 'loading' }), 'problem'],
    ['registry', answer(200, '<html>'), 'problem'],
    ['status', answer(200, { peer_id: 'A', ready: true }), 'ok'],
    ['status', answer(200, { peer_id: 'A', ready: false, not_ready_because: ['no indexer'] }), 'warning'],
    ['status', answer(404, 'nothing'), 'problem'],
    ['mirror', answer(200, 'ready'), 'ok'],
    ['mirror', answer(503, 'members unknown'), 'warning'],
    ['mirror', answer(404, 'nothing'), 'problem'],
  ] as const)('of a %s', (kind, health, status) => {
    const finding = examineEndpoint(endpoint(kind), health);
    expect(finding.status).toBe(status);
    if (status !== 'ok') expect(finding.fix).toBeTruthy();
  });

  it('is a problem where something should run, and a doubt where it may be about to be started', () => {
    expect(examineEndpoint(endpoint('mirror'), REFUSED)).toMatchObject({
      status: 'problem',
      found: 'nothing answers at 127.0.0.1:1: nobody listens there',
    });
    expect(examineEndpoint(endpoint('mirror', false), REFUSED).status).toBe('warning');
    const target = {
      owner: 'a seed',
      address: { host: '::1', port: 1 },
      setting: 'indexer-addresses',
      isExpected: true,
    };
    expect(examineTarget(target, { kind: 'failure', code: 'ETIMEDOUT' }).status).toBe('problem');
    expect(examineTarget(target, { kind: 'open', ms: 1 }).found).toContain('[::1]:1');
  });

  it.each([
    ['PIN_MISMATCH', {}, 'somebody is in between'],
    ['TLS_FAILED', {}, '--pin'],
    ['PROTOCOL', false, 'If it speaks TLS'],
    ['CONNECTION_LOST', {}, 'change --registry'],
    ['CONNECT_FAILED', false, 'muster registry serve'],
  ] as const)('of a registry that fails with %s', (code, tls, fix) => {
    const place = {
      address: 'r:9000',
      setting: '--registry',
      isExpected: true,
      tls,
      adminToken: new Secret('hidden-token'),
      network: 1,
    };
    const finding = examineRegistry(place, { kind: 'failure', code, message: 'no' });
    expect(finding.status).toBe('problem');
    expect(finding.fix?.toLowerCase()).toContain(fix.toLowerCase());
    expect(JSON.stringify(finding)).not.toContain('hidden-token');
  });

  it('takes 401 of a container registry for an answer', () => {
    expect(examineOrigin('http://o', 's', answer(401, '')).status).toBe('ok');
    expect(examineOrigin('http://o', 's', answer(500, '')).status).toBe('warning');
    expect(examineOrigin('http://o', 's', REFUSED).status).toBe('warning');
  });

  it('tells members that were killed on purpose from those that failed', () => {
    const of = (
      state: 'running' | 'starting' | 'paused' | 'killed' | 'stopped' | 'failed',
    ): string | undefined =>
      examineMember({ name: 'a', role: 'node', state, pid: 1, peerId: undefined, nodeId: undefined })?.status;
    expect([of('running'), of('starting'), of('paused'), of('killed'), of('stopped'), of('failed')]).toEqual([
      undefined,
      'warning',
      'warning',
      'warning',
      'warning',
      'problem',
    ]);
  });
});
