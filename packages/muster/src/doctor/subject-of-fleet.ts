/** A fleet of `muster dev`, as its file describes it. */
import { join } from 'node:path';
import { Secret } from '@muster/core';
import type { FleetFile, FleetMember } from '../fleet/fleet-file.ts';
import { type ListenAddress, parseAddress } from '../settings/address.ts';
import {
  type Endpoint,
  type ListenPort,
  NOTHING,
  type SecretFile,
  type Subject,
  type Target,
} from './subject.ts';

const SETTING = '--data';

/** Parts of the surroundings that the file does not tell. */
export interface FleetSurroundings {
  readonly path: string;
  /** Whether its supervisor is there; without it nothing is expected to answer. */
  readonly isRunning: boolean;
  /** Content of the token file; undefined when it can't be read. */
  readonly adminToken: string | undefined;
  /** Key files of members that are there, by name. */
  readonly keys: ReadonlyMap<string, string>;
}

export function subjectOfFleet(fleet: FleetFile, surroundings: FleetSurroundings): Subject {
  const { path, isRunning, adminToken, keys } = surroundings;
  const { folder } = fleet;
  const files: Subject = {
    ...NOTHING,
    from: [`the fleet in ${folder}`],
    fleetFiles: [{ path, pid: fleet.pid }],
    folders: [
      { owner: 'the fleet', path: folder, setting: SETTING, isSecret: true, isDurable: false },
      {
        owner: 'the registry',
        path: join(folder, 'registry'),
        setting: SETTING,
        isSecret: true,
        isDurable: true,
      },
    ],
    secrets: [
      secret('psk', 'the fleet', fleet.pskFile),
      secret('token', 'the control', fleet.control.tokenFile),
      secret('token', 'the registry', fleet.registry.adminTokenFile),
      ...[...keys].map(([name, file]) => secret('key', name, file)),
    ],
    members: fleet.members.map(({ name, role, state, pid, peerId, nodeId }) => ({
      name,
      role,
      state: isRunning ? state : 'stopped',
      pid,
      peerId,
      nodeId,
    })),
  };
  return isRunning ? { ...files, ...runningParts(fleet, adminToken) } : files;
}

function secret(kind: SecretFile['kind'], owner: string, path: string): SecretFile {
  return { kind, owner, path, setting: SETTING, isMade: false };
}

function runningParts(
  fleet: FleetFile,
  adminToken: string | undefined,
): Pick<Subject, 'ports' | 'endpoints' | 'targets' | 'origins' | 'registries'> {
  const running = fleet.members.filter(({ state }) => state === 'running');
  const { registry } = fleet;
  const registryPid = running.find(({ role }) => role === 'registry')?.pid;
  const supervisor = { pid: fleet.pid };
  return {
    ports: [
      ...portOf('the page', addressOfUrl(fleet.page), supervisor),
      ...portOf('the control', addressOfUrl(fleet.control.url), supervisor),
      ...(registryPid === undefined
        ? []
        : [
            ...portOf('the registry', parseAddress(registry.address), { pid: registryPid }),
            ...portOf('the registry (HTTP)', parseAddress(registry.http), { pid: registryPid }),
          ]),
      ...running.flatMap(memberPorts),
    ],
    endpoints: [
      ...(registryPid === undefined ? [] : [endpoint('registry', 'registry', hostPort(registry.http))]),
      ...running.flatMap(memberEndpoint),
    ],
    targets: [
      ...targetOf('the control', addressOfUrl(fleet.control.url)),
      ...targetOf('the page', addressOfUrl(fleet.page)),
    ],
    origins: running.some(({ role }) => role === 'origin')
      ? [{ url: fleet.origin.url, setting: 'the member origin' }]
      : [],
    registries:
      registryPid === undefined
        ? []
        : [
            {
              address: registry.address,
              setting: SETTING,
              isExpected: true,
              tls: false,
              adminToken: adminToken === undefined ? undefined : new Secret(adminToken),
              network: registry.network,
            },
          ],
  };
}

function memberPorts({ name, role, pid, address, status, mirror }: FleetMember): readonly ListenPort[] {
  if (role === 'registry') return [];
  const running = { pid };
  return [
    ...portOf(name, address === undefined ? undefined : tcpAddressOf(address), running),
    ...portOf(`${name} (status)`, status === undefined ? undefined : parseAddress(hostPort(status)), running),
    ...portOf(`${name} (mirror)`, mirror === undefined ? undefined : parseAddress(hostPort(mirror)), running),
  ];
}

function memberEndpoint({ name, role, status }: FleetMember): readonly Endpoint[] {
  if (status === undefined || role === 'registry' || role === 'origin') return [];
  return [endpoint(name, role === 'mirror' ? 'mirror' : 'status', hostPort(status))];
}

function endpoint(owner: string, kind: Endpoint['kind'], address: string): Endpoint {
  return { owner, kind, address, setting: SETTING, isExpected: true };
}

function portOf(
  owner: string,
  address: ListenAddress | undefined,
  running: ListenPort['running'],
): readonly ListenPort[] {
  return address === undefined ? [] : [{ owner, address, setting: SETTING, running }];
}

function targetOf(owner: string, address: ListenAddress | undefined): readonly Target[] {
  return address === undefined ? [] : [{ owner, address, setting: SETTING, isExpected: true }];
}

/** `host:port` of an address that may be a URL. */
function hostPort(text: string): string {
  return text.includes('://') ? new URL(text).host : text;
}

function addressOfUrl(url: string): ListenAddress | undefined {
  return URL.canParse(url) ? parseAddress(new URL(url).host) : undefined;
}

/** The TCP address in a multiaddr such as `/ip4/127.0.0.1/tcp/4001/p2p/…`, or in `host:port`. */
export function tcpAddressOf(text: string): ListenAddress | undefined {
  const match = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)(?:\/|$)/.exec(text);
  if (match === null) return parseAddress(text);
  return { host: match[1] ?? '', port: Number(match[2]) };
}
