import { type ConfigSources, loadConfig } from '@muster/core';
import { describe, expect, test } from 'vitest';
import { coordinationConfigOf, coordinationProblems, coordinationSettings } from '../../src/config/index.ts';
import { DEFAULT_COORDINATION_SETTINGS } from '../../src/settings.ts';

const REGISTRY = 'upstream_registries: [{ name: docker.io, endpoint: "https://registry-1.docker.io" }]\n';

function load(text = '', sources: ConfigSources = {}) {
  const file = { path: 'gantry.yaml', text: REGISTRY + text };
  return coordinationConfigOf(
    loadConfig(coordinationSettings, { file, check: coordinationProblems, ...sources }),
  );
}

function problems(text: string, sources: ConfigSources = {}): readonly string[] {
  try {
    loadConfig(coordinationSettings, {
      file: { path: 'gantry.yaml', text },
      check: coordinationProblems,
      ...sources,
    });
    return [];
  } catch (error) {
    return (error as { details: { problems: readonly string[] } }).details.problems;
  }
}

test('without more than a registry, everything has the default of the specification', () => {
  const { settings, node, warnings } = load();
  expect(settings).toEqual(DEFAULT_COORDINATION_SETTINGS);
  expect(node).toMatchObject({
    mirrorListen: { host: '127.0.0.1', port: 5000 },
    transferListen: { host: '0.0.0.0', port: 5001 },
    metricsListen: { host: '0.0.0.0', port: 9095 },
    libp2pListen: ['/ip4/0.0.0.0/tcp/0'],
    identityPath: '/var/lib/gantry/libp2p.key',
    connections: { low: 600, high: 900, graceMs: 60_000 },
    membersSource: 'single',
    labelSelector: 'app.kubernetes.io/name=gantry',
    zoneLabel: 'topology.kubernetes.io/zone',
    cacheDirectory: '/var/lib/gantry/cache',
    registries: [{ name: 'docker.io', endpoint: 'https://registry-1.docker.io' }],
    coordAllow: 'all',
    isProduction: false,
  });
  expect(warnings).toEqual([]);
});

test('the file goes before defaults, the environment before the file, flags before all', () => {
  const text = 'hrw_k: 4\nnf5_jitter_base: 1m30s\nlog_level: debug\n';
  expect(load(text).settings).toMatchObject({ hrwK: 4, fallbackJitterBaseMs: 90_000 });
  const environment = { GANTRY_HRW_K: '5', GANTRY_LOG_LEVEL: '' };
  expect(load(text, { environment }).settings.hrwK).toBe(5);
  expect(load(text, { environment }).node.logLevel).toBe('debug');
  expect(load(text, { environment, flags: { 'hrw-k': '6' } }).settings.hrwK).toBe(6);
});

test('lists of libp2p may come from the environment', () => {
  const peer = '/ip4/10.0.0.2/tcp/4001/p2p/12D3KooWQYV9dGMFoRzNStwpXztXaBUjtPqi6aU76ZgUriHhKust';
  const environment = {
    GANTRY_LIBP2P_LISTEN: '/ip4/0.0.0.0/tcp/4001,/ip6/::/tcp/4001',
    GANTRY_LIBP2P_BOOTSTRAP_PEERS: peer,
  };
  const { node } = load('', { environment });
  expect(node.libp2pListen).toEqual(['/ip4/0.0.0.0/tcp/4001', '/ip6/::/tcp/4001']);
  expect(node.bootstrapPeers).toEqual([peer]);
});

test('written values are used as they are, where the original replaces them', () => {
  const text =
    'origin_failure_cooldown_multiplier: 1\ntopk_expansion_factor_degraded: 1\ncache_forced_eviction_headroom_pct: 0\n';
  expect(load(text).settings).toMatchObject({
    cooldownMultiplier: 1,
    expansionFactor: 1,
    forcedEvictionHeadroomPercent: 0,
  });
});

test('unknown keys are errors, with what was meant, and all problems are told together', () => {
  const text = [
    'hrw_kk: 3',
    'mirror_listen: nowhere',
    'cache_dir: relative',
    'hrw_k: 0',
    'bootstrap_routing_table_pct: 101',
    'origin_failure_cooldown_initial: 20m',
    'conn_low: 901',
    'libp2p_bootstrap_peers: [/ip4/10.0.0.1/tcp/1]',
  ].join('\n');
  const found = problems(text);
  expect(found).toHaveLength(9);
  expect(found.join('\n')).toContain('there is no setting "hrw-kk"; did you mean hrw-k?');
  for (const part of [
    'host:port',
    'absolute',
    '/p2p',
    'cooldown-initial',
    'conn-high',
    'at least one registry',
  ]) {
    expect(found.join('\n')).toContain(part);
  }
});

test.each([
  ['two of a name', 'upstream_registries: [{name: a, endpoint: http://a}, {name: a, endpoint: http://b}]'],
  [
    'an alias that is a name',
    'upstream_registries: [{name: a, endpoint: http://a}, {name: b, endpoint: http://b, ns_alias: a}]',
  ],
  ['no http URL', 'upstream_registries: [{name: a, endpoint: ftp://a}]'],
  ['credentials in the URL', 'upstream_registries: [{name: a, endpoint: http://u:p@a}]'],
  ['an unknown field', 'upstream_registries: [{name: a, endpoint: http://a, mirror: b}]'],
])('registries: %s is refused', (_, text) => {
  expect(problems(text)).toHaveLength(1);
});

describe('the mirror', () => {
  test('listens where others reach it only when that is allowed', () => {
    expect(problems(`${REGISTRY}mirror_listen: 0.0.0.0:5000`)).toHaveLength(1);
    expect(problems(`${REGISTRY}mirror_listen: ":5000"`)).toHaveLength(1);
    expect(problems(`${REGISTRY}mirror_listen: 0.0.0.0:5000\nmirror_bind_allow_non_loopback: true`)).toEqual(
      [],
    );
    for (const local of ['127.8.8.8:0', '[::1]:5000', 'localhost:5000']) {
      expect(problems(`${REGISTRY}mirror_listen: "${local}"`)).toEqual([]);
    }
  });
});

describe('the source of members', () => {
  test.each([
    ['node_name: a\npod_name: p\nmembers_namespace: n', 'kubernetes'],
    ['node_name: a\nmembers_file: /m.json', 'file'],
    ['members_announce_dir: /run/m', 'file'],
    ['members_registry: r:9000\nmembers_network: 7', 'registry'],
    ['members_source: single\nnode_name: a', 'single'],
  ])('%s', (text, source) => {
    expect(load(text).node.membersSource).toBe(source);
  });

  test.each([
    ['node_name: a', 2],
    ['node_name: a\npod_name: p', 1],
    ['members_source: kubernetes', 3],
    ['members_source: file', 1],
    ['members_source: registry\nmembers_network: 7', 1],
  ])('%s is incomplete', (text, count) => {
    expect(problems(REGISTRY + text)).toHaveLength(count);
  });
});

test('what is not known or does nothing is left out with a warning', () => {
  const text =
    'origin_failure_classes_trusted_cluster_wide: [auth, teapot]\nlibp2p_listen: [/ip4/0.0.0.0/udp/4001/quic-v1]\ncontainerd_socket: /run/c.sock\n';
  const { settings, node, warnings } = load(text);
  expect(settings.trustedClasses).toEqual(['auth']);
  expect(node.libp2pListen).toEqual(['/ip4/0.0.0.0/tcp/0']);
  expect(warnings).toHaveLength(3);
  expect(load('origin_failure_classes_trusted_cluster_wide: [teapot]').settings.trustedClasses).toEqual(
    DEFAULT_COORDINATION_SETTINGS.trustedClasses,
  );
});
