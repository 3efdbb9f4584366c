/** What an agent says when it runs: who it is, where it is, what is not safe, how the runtime is told of it. */
import type { CoordinationAgent } from '@muster/coordination';
import type { CoordinationConfig } from '@muster/coordination/config';
import { facts } from '../cli/table.ts';
import { packageVersion } from '../cli/version.ts';
import { registryRows } from '../membership/membership-rows.ts';
import type { RegistryMembership } from '../membership/registry-membership.ts';
import { endpointOf } from '../pull/registry-endpoint.ts';
import { formatAddress, isLoopbackHost, localAddress } from '../settings/address.ts';

export interface MirrorAnnouncement {
  readonly agent: CoordinationAgent;
  readonly config: CoordinationConfig;
  readonly peerId: string;
  /** Undefined: the network is open. */
  readonly pskFingerprint: string | undefined;
  readonly launcher: string;
  readonly membership?: RegistryMembership | undefined;
}

/** One line for scripts that wait for it. */
export function mirrorReadyEvent(announcement: MirrorAnnouncement): object {
  const { agent, config, peerId, pskFingerprint } = announcement;
  const { mirror, transfer, metrics } = agent.listeners;
  return {
    event: 'ready',
    version: packageVersion(),
    pid: process.pid,
    nodeId: agent.members.self(),
    peerId,
    mirror: formatAddress(mirror),
    transfer: formatAddress(transfer),
    ops: formatAddress(metrics),
    addresses: agent.p2pAddresses,
    members: config.node.membersSource,
    registries: config.node.registries.map(({ name }) => name),
    cache: config.node.cacheDirectory,
    pskFingerprint: pskFingerprint ?? null,
    registry: announcement.membership?.place.registry ?? null,
    network: announcement.membership?.place.network ?? null,
    warnings: warningsOf(announcement),
  };
}

/** The banner for people. */
export function mirrorBanner(announcement: MirrorAnnouncement): string {
  const { agent, config, peerId, pskFingerprint } = announcement;
  const { mirror, transfer, metrics } = agent.listeners;
  const warnings = warningsOf(announcement);
  const addresses = agent.p2pAddresses;
  const rows = facts([
    ['node', agent.members.self()],
    ['peer id', peerId],
    ['mirror', formatAddress(mirror)],
    ['transfer', formatAddress(transfer)],
    ['monitoring', `http://${localAddress(metrics)}/metrics`],
    ...(addresses.length === 0
      ? [['addresses', 'none that others could use'] as const]
      : addresses.map((address, index) => [index === 0 ? 'addresses' : '', address] as const)),
    ['members', config.node.membersSource],
    ...registryRows(announcement.membership),
    ['registries', config.node.registries.map(({ name, endpoint }) => `${name} (${endpoint})`).join(', ')],
    ['cache', config.node.cacheDirectory],
    [
      'pre-shared key',
      pskFingerprint === undefined ? 'none: the network is open' : `fingerprint ${pskFingerprint}`,
    ],
  ]);
  const sections = [
    `muster ${packageVersion()}: the mirror runs.`,
    rows,
    ...(warnings.length === 0
      ? []
      : [`Not safe here, or without effect:\n${warnings.map((line) => `  * ${line}`).join('\n')}`]),
    tryText(announcement),
    'Ctrl-C stops it.',
  ];
  return `${sections.join('\n\n')}\n`;
}

function tryText({ agent, config, launcher }: MirrorAnnouncement): string {
  const { mirror, metrics } = agent.listeners;
  const { name, endpoint } = config.node.registries[0] ?? { name: 'docker.io', endpoint: '' };
  const image = name === 'docker.io' ? 'library/alpine:3' : '<repository>:<tag>';
  // Where the name alone does not lead to the registry, a tag is resolved at its address.
  const origin = endpoint === endpointOf(name) ? '' : ` --origin ${endpoint}`;
  const address = localAddress(mirror);
  return [
    'Tell containerd (certs.d/<registry>/hosts.toml):',
    '',
    `  server = "${endpoint}"`,
    `  [host."http://${address}"]`,
    '    capabilities = ["pull", "resolve"]',
    '    skip_verify = true',
    '',
    'Try in a second terminal:',
    '',
    `  ${launcher} mirror status --ops ${localAddress(metrics)}`,
    `  ${launcher} pull ${name}/${image} --mirror ${address}${origin}`,
  ].join('\n');
}

/** What an operator should know before strangers come. */
function warningsOf({ config, pskFingerprint, membership }: MirrorAnnouncement): readonly string[] {
  const { node, warnings } = config;
  const isWide = (host: string): boolean => !isLoopbackHost(host);
  return [
    ...warnings,
    ...(membership?.warnings ?? []),
    ...[
      [
        node.allowNonLoopback && isWide(node.mirrorListen.host),
        'Other machines reach the mirror; it answers them with the credentials of this node (mirror-bind-allow-non-loopback).',
      ],
      [
        isWide(node.transferListen.host) && node.transferTokenPath === '',
        'Whoever reaches the transfer port can read everything that is cached: limit who can, or set transfer-token-path.',
      ],
      [
        pskFingerprint === undefined && node.coordAllow === 'all' && !isLocalNetwork(node.libp2pListen),
        'Whoever reaches the libp2p port can make this node pull from its registries: limit who can, or set psk-path or coord-allow.',
      ],
      [
        node.registries.some(({ endpoint }) => endpoint.startsWith('http:') && !isLoopbackUrl(endpoint)),
        'A registry is asked without TLS: what goes there, credentials too, can be read on the way.',
      ],
    ].flatMap(([applies, text]) => (applies === true ? [String(text)] : [])),
  ];
}

function isLocalNetwork(listen: readonly string[]): boolean {
  return listen.every((address) => isLoopbackHost(address.split('/')[2] ?? ''));
}

function isLoopbackUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && isLoopbackHost(url.hostname.replace(/^\[(.*)\]$/, '$1'));
}
