import { expect, test } from 'vitest';
import { kubernetesView, nodeZone, podFacts } from '../../../src/members/kubernetes/rules.ts';

interface PodOptions {
  readonly node?: string;
  readonly ip?: string;
  readonly phase?: string;
  readonly ready?: string;
  readonly terminating?: boolean;
  readonly started?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A pod as the API has it. */
function pod(name: string, options: PodOptions = {}): object {
  return {
    metadata: {
      name,
      annotations: options.annotations ?? { 'gantry.io/p2p-addrs': `/ip4/10.0.0.1/tcp/4001/p2p/${name}` },
      ...(options.terminating === true ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { nodeName: options.node ?? `node-${name}` },
    status: {
      phase: options.phase ?? 'Running',
      podIP: options.ip ?? '10.0.0.1',
      startTime: options.started ?? '2026-01-01T00:00:00Z',
      conditions: [
        { type: 'Initialized', status: 'True' },
        { type: 'Ready', status: options.ready ?? 'True' },
      ],
    },
  };
}

function viewOf(...pods: object[]) {
  const facts = pods.map(podFacts).filter((found) => found !== undefined);
  return kubernetesView(facts, { zones: new Map([['node-a', 'z1']]), transferPort: 5001 });
}

test('fields of a node come from annotations, the pod and its node', () => {
  const annotations = {
    'gantry.io/peer-id': ' 12D3KooW ',
    'gantry.io/p2p-addrs': ' /ip4/10.0.0.1/tcp/4001 ,, /ip6/fd00::1/tcp/4001 ',
    'gantry.io/transfer-addr': '10.9.9.9:6001',
  };
  expect(viewOf(pod('a', { annotations })).ready).toEqual([
    {
      id: 'node-a',
      addr: '10.9.9.9:6001',
      zone: 'z1',
      peerId: '12D3KooW',
      p2pAddrs: ['/ip4/10.0.0.1/tcp/4001', '/ip6/fd00::1/tcp/4001'],
    },
  ]);
  const bare = viewOf(pod('b', { annotations: {}, ip: 'fd00::7' }));
  expect(bare.ready).toEqual([{ id: 'node-b', addr: '[fd00::7]:5001', zone: '', peerId: '', p2pAddrs: [] }]);
});

test.each<[string, PodOptions, { ready: number; bootstrap: number; running: number }]>([
  ['a ready pod', {}, { ready: 1, bootstrap: 1, running: 1 }],
  ['one that is not ready', { ready: 'False' }, { ready: 0, bootstrap: 1, running: 1 }],
  ['one without annotations', { annotations: {} }, { ready: 1, bootstrap: 0, running: 1 }],
  ['one that is not placed', { node: '' }, { ready: 0, bootstrap: 0, running: 1 }],
  ['one without an address', { ip: '' }, { ready: 0, bootstrap: 0, running: 0 }],
  ['one that has not started', { phase: 'Pending' }, { ready: 0, bootstrap: 0, running: 0 }],
  ['one that ends', { terminating: true }, { ready: 0, bootstrap: 0, running: 0 }],
])('%s', (_, options, expected) => {
  const { ready, bootstrap, running } = viewOf(pod('a', options));
  expect({ ready: ready.length, bootstrap: bootstrap.length, running }).toEqual(expected);
});

test('of two pods of one node the younger counts', () => {
  const old = pod('old', { node: 'n', ip: '10.0.0.1', started: '2026-01-01T00:00:00Z', annotations: {} });
  const young = pod('young', { node: 'n', ip: '10.0.0.2', started: '2026-01-01T00:01:00Z', annotations: {} });
  for (const pods of [
    [old, young],
    [young, old],
  ]) {
    expect(viewOf(...pods).ready.map(({ addr }) => addr)).toEqual(['10.0.0.2:5001']);
    expect(viewOf(...pods).running).toBe(2);
  }
});

test('what is no pod and no node is left out', () => {
  for (const value of [undefined, null, 7, 'x', {}, { metadata: 1 }, { metadata: { name: 7 } }]) {
    expect(podFacts(value)).toBeUndefined();
    expect(nodeZone(value, 'zone')).toBeUndefined();
  }
  expect(nodeZone({ metadata: { name: 'n', labels: { zone: 'z' } } }, 'zone')).toEqual({
    name: 'n',
    zone: 'z',
  });
  expect(nodeZone({ metadata: { name: 'n' } }, 'zone')).toEqual({ name: 'n', zone: '' });
});
