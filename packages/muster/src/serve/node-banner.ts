/** What a node or indexer says when it runs: who it is, where it is, what is not safe, what to do next. */
import { resolve } from 'node:path';
import type { DiscoveryConfig } from '@muster/discovery/config';
import type { DiscoveryHost } from '@muster/discovery/host';
import { facts } from '../cli/table.ts';
import { packageVersion } from '../cli/version.ts';
import { registryRows } from '../membership/membership-rows.ts';
import type { RegistryMembership } from '../membership/registry-membership.ts';
import { formatAddress, isLoopbackHost } from '../settings/address.ts';

export interface NodeAnnouncement {
  readonly host: DiscoveryHost;
  readonly config: DiscoveryConfig;
  /** How a person starts this program again. */
  readonly launcher: string;
  readonly membership?: RegistryMembership | undefined;
}

/** One line for scripts that wait for it. */
export function nodeReadyEvent(announcement: NodeAnnouncement): object {
  const { host, config } = announcement;
  return {
    event: 'ready',
    version: packageVersion(),
    pid: process.pid,
    roles: rolesOf(host),
    name: host.daemon.name,
    peerId: host.identity.peerId,
    did: host.daemon.did,
    addresses: host.addresses,
    seeds: host.settings.indexerAddresses.length,
    registry: announcement.membership?.place.registry ?? null,
    network: announcement.membership?.place.network ?? null,
    data: dataOf(config) ?? null,
    pskFingerprint: host.pskFingerprint,
    status: statusOf(host) ?? null,
    warnings: warningsOf(announcement),
  };
}

/** The banner for people. */
export function nodeBanner(announcement: NodeAnnouncement): string {
  const { host, config } = announcement;
  const roles = rolesOf(host);
  const warnings = warningsOf(announcement);
  const status = statusOf(host);
  const rows = facts([
    ['roles', roles.join(', ')],
    ['name', host.daemon.name],
    ['peer id', host.identity.peerId],
    ['DID', host.daemon.did],
    ...addressRows(host),
    ['seeds', seedsText(announcement)],
    ...registryRows(announcement.membership),
    ['data folder', dataOf(config) ?? 'none, all is in memory'],
    ['pre-shared key', `fingerprint ${host.pskFingerprint}`],
    ['status', status === undefined ? 'off: --status-port switches it on' : `http://${status}/status`],
  ]);
  const sections = [
    `muster ${packageVersion()}: the ${roles.join(' and ')} runs.`,
    rows,
    ...(warnings.length === 0
      ? []
      : [`Not safe here, or without effect:\n${warnings.map((line) => `  * ${line}`).join('\n')}`]),
    ...(status === undefined ? [] : [tryText(announcement, status)]),
    'Ctrl-C stops it.',
  ];
  return `${sections.join('\n\n')}\n`;
}

function tryText({ host, launcher }: NodeAnnouncement, status: string): string {
  const [indexer] = host.settings.indexerAddresses;
  const commands = [
    `${launcher} peers list --status ${status}`,
    `${launcher} peers search ${host.daemon.name.slice(0, 4)} --status ${status}`,
    ...(indexer === undefined ? [] : [`${launcher} peers score ${indexer.ID.slice(-8)} --status ${status}`]),
  ];
  return `Try in a second terminal:\n\n${commands.map((command) => `  ${command}`).join('\n')}`;
}

function rolesOf({ settings }: DiscoveryHost): readonly string[] {
  return [...(settings.roles.node ? ['node'] : []), ...(settings.roles.indexer ? ['indexer'] : [])];
}

function addressRows({ addresses }: DiscoveryHost): readonly (readonly [string, string])[] {
  if (addresses.length === 0) {
    return [['addresses', 'none that others could use; a fleet on one machine needs --allow-loopback']];
  }
  return addresses.map((address, index) => [index === 0 ? 'addresses' : '', address]);
}

function seedsText({ host: { settings }, membership }: NodeAnnouncement): string {
  const { length } = settings.indexerAddresses;
  if (length > 0) return String(length);
  if (membership !== undefined && membership.place.network !== 0) return 'those that the registry names';
  return settings.roles.indexer ? 'none: it waits for others' : 'none: it waits for an indexer that calls';
}

function dataOf({ process: { store } }: DiscoveryConfig): string | undefined {
  return store.kind === 'file' ? resolve(store.directory) : undefined;
}

function statusOf({ statusAddress }: DiscoveryHost): string | undefined {
  return statusAddress === undefined ? undefined : formatAddress(statusAddress);
}

/** What an operator should know before strangers come. */
function warningsOf({ host, config, membership }: NodeAnnouncement): readonly string[] {
  const { settings, warnings } = host;
  const { process: processSettings } = config;
  const wide = !isLoopbackHost(processSettings.listenHost);
  return [
    ...warnings,
    ...(membership?.warnings ?? []),
    ...[
      [
        settings.allowLoopback && wide,
        'Loopback addresses are handed out: only for a fleet on one machine (allow-loopback).',
      ],
      [
        settings.admissionMode === 'off' && settings.roles.indexer,
        'Nodes are taken without a look at their record (admission-mode off).',
      ],
      [settings.subnetDiversity === 'off', 'One subnet can fill the pool (subnet-diversity off).'],
      [
        processSettings.timeScale !== 1,
        `Every duration is multiplied by ${processSettings.timeScale} (time-scale): for tests only.`,
      ],
      [
        processSettings.store.kind === 'memory',
        'Relations with peers, and blacklistings, end with this process (store-url memory:).',
      ],
    ].flatMap(([applies, text]) => (applies === true ? [String(text)] : [])),
  ];
}
