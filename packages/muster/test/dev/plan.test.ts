import { loadConfig } from '@muster/core';
import { discoveryConfigOf, discoverySettings } from '@muster/discovery/config';
import { describe, expect, it } from 'vitest';
import {
  commandLineOf,
  endpointsOf,
  hostPortOf,
  memberNamesOf,
  nextName,
  planMirror,
  type PlannedMember,
  planOrigin,
  planOverlayMember,
  planRegistry,
} from '../../src/dev/plan.ts';
import { mirrorConfigOf, mirrorProblems, type MirrorSettings } from '../../src/serve/mirror-config.ts';
import { membershipProblems, membershipSettings } from '../../src/settings/membership-settings.ts';
import { originSettings } from '../../src/settings/origin-settings.ts';
import { registrySettings } from '../../src/settings/registry-settings.ts';
import { coordinationSettings } from '@muster/coordination/config';

const shared = { folder: '/fleet', registry: '127.0.0.1:9000', network: 3, timeScale: 0.25, members: 6 };
const readSecretFile = (path: string): { text: string; mode: number } => ({
  text: `of ${path}`,
  mode: 0o600,
});
const overlay = { name: 'alpha', role: 'node' as const, port: 11, statusPort: 12 };
const mirror = {
  name: 'mirror-1',
  mirrorPort: 21,
  transferPort: 22,
  opsPort: 23,
  p2pPort: 24,
  origin: 'http://127.0.0.1:25',
};

/** Flags as a parser hands them on. */
function flagsOf({ flags }: PlannedMember): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [name, value === 'true' ? true : value]),
  );
}

describe('a plan', () => {
  it('of a registry and an origin has flags that they take', () => {
    const registry = planRegistry({ folder: '/fleet', address: '127.0.0.1:9000', http: '127.0.0.1:9001' });
    const { values } = loadConfig(registrySettings, { flags: flagsOf(registry), readSecretFile });
    expect(values).toMatchObject({ data: '/fleet/registry', registryAddr: '127.0.0.1:9000' });
    expect(values.adminToken?.reveal()).toBe('of /fleet/admin-token');
    const origin = planOrigin({ folder: '/fleet', port: 25, bytesPerSecond: 8_388_608 });
    const config = loadConfig(originSettings, { flags: flagsOf(origin) });
    expect(config.values).toMatchObject({
      data: '/fleet/origin',
      listen: '127.0.0.1:25',
      rateBytes: 8_388_608,
      tokenFile: '/fleet/control-token',
    });
  });

  it('of a node or an indexer has flags that they take, and belongs to the registry', () => {
    for (const role of ['node', 'indexer'] as const) {
      const planned = planOverlayMember(shared, { ...overlay, role });
      const config = loadConfig(
        { ...discoverySettings, ...membershipSettings },
        { flags: flagsOf(planned), readSecretFile, check: membershipProblems },
      );
      const { settings, process } = discoveryConfigOf(config, planned.environment);
      expect(settings.roles).toEqual({ node: role === 'node', indexer: role === 'indexer' });
      expect(process).toMatchObject({ port: 11, listenHost: '127.0.0.1', timeScale: 0.25 });
      expect(config.values).toMatchObject({ registry: '127.0.0.1:9000', registryNetwork: 3 });
    }
  });

  it('of a mirror has flags that it takes, and finds the others in the registry', () => {
    const planned = planMirror(shared, mirror);
    const settings: MirrorSettings = { ...coordinationSettings, ...membershipSettings };
    const config = loadConfig(settings, { flags: flagsOf(planned), readSecretFile, check: mirrorProblems });
    const { node } = mirrorConfigOf(config);
    expect(node).toMatchObject({
      membersSource: 'registry',
      membersRegistry: '127.0.0.1:9000',
      membersNetwork: '3',
      cacheDirectory: '/fleet/mirrors/mirror-1',
      identityPath: '/fleet/keys/mirror-1.pem',
    });
    expect(node.registries).toEqual([
      expect.objectContaining({ name: 'fleet.localhost', endpoint: 'http://127.0.0.1:25' }),
    ]);
  });

  it('of real time needs no permission for a scaled one', () => {
    const always = { MUSTER_SUPERVISED: '1', MALLOC_ARENA_MAX: '1' };
    expect(planOverlayMember({ ...shared, timeScale: 1 }, overlay).environment).toEqual(always);
    expect(planOverlayMember(shared, overlay).environment).toEqual({ ...always, OC_TEST: '1' });
  });

  it('of a liar says so', () => {
    const planned = planOverlayMember(shared, { ...overlay, role: 'indexer', misbehaves: 'lie' });
    expect(planned).toMatchObject({ misbehaves: 'lie', environment: { MUSTER_MISBEHAVE: 'lie' } });
  });

  it('is a command line', () => {
    const planned = planOrigin({ folder: '/fleet', port: 25, bytesPerSecond: 0 });
    expect(commandLineOf(planned, '/bin/muster.mjs')).toEqual([
      '/bin/muster.mjs',
      'origin',
      'serve',
      '--json',
      '--data=/fleet/origin',
      '--listen=127.0.0.1:25',
      '--token-file=/fleet/control-token',
      '--rate=0',
    ]);
    const [first] = commandLineOf(planMirror(shared, mirror), '/bin/muster.mjs');
    expect(first).toBe('--max-semi-space-size=4');
  });
});

describe('names', () => {
  it('are those of the roles, and a new one is the first that nobody has', () => {
    expect(memberNamesOf('indexer', 2)).toEqual(['indexer-1', 'indexer-2']);
    expect(memberNamesOf('node', 4)).toEqual(['alpha', 'bravo', 'charlie', 'delta']);
    expect(memberNamesOf('mirror', 1)).toEqual(['mirror-1']);
    expect(nextName('node', new Set(['alpha', 'charlie']))).toBe('bravo');
    expect(nextName('indexer', new Set(['indexer-1', 'indexer-2']))).toBe('indexer-3');
  });
});

describe('endpoints', () => {
  it('are all places where others reach a member', () => {
    const planned = planMirror(shared, mirror);
    const member = {
      name: 'mirror-1',
      role: 'mirror' as const,
      state: 'running' as const,
      address: '/ip4/127.0.0.1/tcp/24/p2p/X',
      status: '127.0.0.1:23',
    };
    expect(endpointsOf(member, planned.flags)).toEqual(['127.0.0.1:24', '127.0.0.1:22', '127.0.0.1:23']);
    const registry = { name: 'registry', role: 'registry' as const, state: 'running' as const };
    expect(endpointsOf({ ...registry, address: '127.0.0.1:9000', status: '127.0.0.1:9001' }, {})).toEqual([
      '127.0.0.1:9000',
    ]);
  });

  it('are read from addresses of both kinds', () => {
    expect(hostPortOf('/ip4/127.0.0.1/tcp/4001/p2p/X')).toBe('127.0.0.1:4001');
    expect(hostPortOf('127.0.0.1:9000')).toBe('127.0.0.1:9000');
    expect(hostPortOf('/dns/x')).toBeUndefined();
    expect(hostPortOf(undefined)).toBeUndefined();
  });
});
