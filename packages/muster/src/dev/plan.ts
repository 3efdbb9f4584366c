/** Who is in a fleet, and how each is started. Nothing here has an effect. */
import { join } from 'node:path';
import { nodeName } from '../demo/plan.ts';
import type { FleetMember, FleetRole } from '../fleet/fleet-file.ts';
import { MEMBER_REFRESH } from '../fleet/member-refresh.ts';

/** A member before it runs: a command of this program and its flags, without the dashes. */
export interface PlannedMember {
  readonly name: string;
  readonly role: FleetRole;
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, string | readonly string[]>>;
  /** Flags of Node that the command would give itself in a process that it may begin anew. */
  readonly nodeFlags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly misbehaves?: 'lie';
}

/** Where everything is in the folder of a fleet. */
export function fleetPaths(folder: string): {
  readonly registry: string;
  readonly adminToken: string;
  readonly networkToken: string;
  readonly controlToken: string;
  readonly psk: string;
  readonly keys: string;
  readonly members: string;
  readonly mirrors: string;
  readonly origin: string;
  readonly logs: string;
  key(name: string): string;
  publicKey(name: string): string;
} {
  return {
    registry: join(folder, 'registry'),
    adminToken: join(folder, 'admin-token'),
    networkToken: join(folder, 'network-token'),
    controlToken: join(folder, 'control-token'),
    psk: join(folder, 'psk'),
    keys: join(folder, 'keys'),
    members: join(folder, 'members'),
    mirrors: join(folder, 'mirrors'),
    origin: join(folder, 'origin'),
    logs: join(folder, 'logs'),
    key: (name) => join(folder, 'keys', `${name}.pem`),
    publicKey: (name) => join(folder, 'keys', `${name}.pub.pem`),
  };
}

/** Name of the registry that the origin is, as mirrors and references have it. */
export const ORIGIN_REGISTRY = 'fleet.localhost';

const NAME_PREFIXES = { indexer: 'indexer', mirror: 'mirror' } as const;

/** Names of the first `amount` members of a role. */
export function memberNamesOf(role: 'indexer' | 'node' | 'mirror', amount: number): readonly string[] {
  return Array.from({ length: amount }, (_, index) => nameOf(role, index));
}

/** The first name of a role that nobody has. */
export function nextName(role: 'indexer' | 'node' | 'mirror', taken: ReadonlySet<string>): string {
  let index = 0;
  while (taken.has(nameOf(role, index))) index += 1;
  return nameOf(role, index);
}

function nameOf(role: 'indexer' | 'node' | 'mirror', index: number): string {
  return role === 'node' ? nodeName(index) : `${NAME_PREFIXES[role]}-${index + 1}`;
}

/** Environment of every member: it obeys the channel of its supervisor. */
const SUPERVISED = { MUSTER_SUPERVISED: '1' };

export function planRegistry(options: {
  readonly folder: string;
  readonly address: string;
  readonly http: string;
}): PlannedMember {
  const paths = fleetPaths(options.folder);
  return {
    name: 'registry',
    role: 'registry',
    words: ['registry', 'serve'],
    flags: {
      data: paths.registry,
      'registry-addr': options.address,
      http: options.http,
      'admin-token-file': paths.adminToken,
    },
    nodeFlags: [],
    environment: SUPERVISED,
  };
}

export function planOrigin(options: {
  readonly folder: string;
  readonly port: number;
  /** Bytes a second of all answers together; 0 = as fast as it goes. */
  readonly bytesPerSecond: number;
}): PlannedMember {
  const paths = fleetPaths(options.folder);
  return {
    name: 'origin',
    role: 'origin',
    words: ['origin', 'serve'],
    flags: {
      data: paths.origin,
      listen: `127.0.0.1:${options.port}`,
      'token-file': paths.controlToken,
      rate: String(options.bytesPerSecond),
    },
    nodeFlags: [],
    environment: SUPERVISED,
  };
}

/** What all members of the overlay and all mirrors share. */
export interface SharedFacts {
  readonly folder: string;
  /** `host:port` of the registry. */
  readonly registry: string;
  readonly network: number;
  readonly timeScale: number;
  /** How many there will be at least: they all come at once, from one address, and are no strangers. */
  readonly members: number;
}

export interface OverlayFacts {
  readonly name: string;
  readonly role: 'indexer' | 'node';
  readonly port: number;
  readonly statusPort: number;
  readonly misbehaves?: 'lie';
}

/** A node or an indexer. */
export function planOverlayMember(shared: SharedFacts, facts: OverlayFacts): PlannedMember {
  const { folder, timeScale, members } = shared;
  const { name, role, port, statusPort, misbehaves } = facts;
  const paths = fleetPaths(folder);
  return {
    name,
    role,
    words: ['node', 'run'],
    flags: {
      ...registryFlags(shared),
      'node-mode': role,
      name,
      'node-endpoint-port': String(port),
      'listen-host': '127.0.0.1',
      'allow-loopback': 'true',
      'psk-path': paths.psk,
      'private-key-path': paths.key(name),
      'public-key-path': paths.publicKey(name),
      'store-url': `file:${join(paths.members, name)}`,
      'status-port': String(statusPort),
      'max-conn-per-window': String(Math.max(20, 2 * members)),
      'time-scale': String(timeScale),
    },
    nodeFlags: [],
    environment: {
      ...SUPERVISED,
      MALLOC_ARENA_MAX: '1',
      // The settings want to be sure that a scaled fleet is meant.
      ...(timeScale === 1 ? {} : { OC_TEST: '1' }),
      ...(misbehaves === undefined ? {} : { MUSTER_MISBEHAVE: misbehaves }),
    },
    ...(misbehaves === undefined ? {} : { misbehaves }),
  };
}

export interface MirrorFacts {
  readonly name: string;
  readonly mirrorPort: number;
  readonly transferPort: number;
  readonly opsPort: number;
  readonly p2pPort: number;
  /** `http://host:port` */
  readonly origin: string;
}

/** A mirror. */
export function planMirror(shared: SharedFacts, facts: MirrorFacts): PlannedMember {
  const paths = fleetPaths(shared.folder);
  const { name } = facts;
  return {
    name,
    role: 'mirror',
    words: ['mirror', 'run'],
    flags: {
      ...registryFlags(shared),
      'node-name': name,
      'mirror-listen': `127.0.0.1:${facts.mirrorPort}`,
      'transfer-listen': `127.0.0.1:${facts.transferPort}`,
      'metrics-listen': `127.0.0.1:${facts.opsPort}`,
      'libp2p-listen': `/ip4/127.0.0.1/tcp/${facts.p2pPort}`,
      'libp2p-identity-path': paths.key(name),
      'psk-path': paths.psk,
      'cache-dir': join(paths.mirrors, name),
      'cache-budget-bytes': '1073741824',
      'upstream-registries': `${ORIGIN_REGISTRY}=${facts.origin}`,
      // A cluster of one machine is whole within a moment.
      'bootstrap-window': '1s',
      'prefetch-jitter': '100ms',
      'log-format': 'text',
    },
    // The command begins anew with these, unless it has a channel to its supervisor, which would be lost.
    nodeFlags: ['--max-semi-space-size=4'],
    environment: { ...SUPERVISED, MALLOC_ARENA_MAX: '1' },
  };
}

/** Members belong to the registry: it names indexers, admits members, and lists the mirrors. */
function registryFlags({ folder, registry, network }: SharedFacts): Readonly<Record<string, string>> {
  return {
    registry,
    'registry-network': String(network),
    'registry-network-token-file': fleetPaths(folder).networkToken,
    'registry-heartbeat': '10s',
    'registry-refresh': MEMBER_REFRESH,
  };
}

/** The command line of a member, for the one program that this is. */
export function commandLineOf(planned: PlannedMember, program: string): readonly string[] {
  const flags = Object.entries(planned.flags).flatMap(([name, value]) =>
    [value].flat().map((each) => `--${name}=${each}`),
  );
  return [...planned.nodeFlags, program, ...planned.words, '--json', ...flags];
}

/** Addresses at which other members reach one, `host:port`: what a cut closes. */
export function endpointsOf(member: FleetMember, flags: PlannedMember['flags']): readonly string[] {
  const fromAddress = hostPortOf(member.address);
  const transfer = flags['transfer-listen'];
  return [
    ...(fromAddress === undefined ? [] : [fromAddress]),
    ...(typeof transfer === 'string' ? [transfer] : []),
    ...(member.role === 'origin' || member.role === 'registry' || member.status === undefined
      ? []
      : [member.status]),
  ];
}

/** `host:port` of an address or of a multiaddr over TCP. */
export function hostPortOf(address: string | undefined): string | undefined {
  if (address === undefined) return undefined;
  const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? [];
  if (host !== undefined) return `${host}:${port}`;
  return address.startsWith('/') ? undefined : address;
}
