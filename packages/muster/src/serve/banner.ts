/** What a registry says when it is ready: where it is, what it keeps, what is not safe, what to do next. */
import { relative, resolve } from 'node:path';
import type { Registry, RegistryOptions } from '@muster/registry';
import { count, showBytes } from '../cli/progress.ts';
import { facts } from '../cli/table.ts';
import { packageVersion } from '../cli/version.ts';
import { formatAddress, isLoopbackHost, localAddress } from '../settings/address.ts';
import { DEFAULT_REGISTRY_ADDRESS } from '../settings/registry-settings.ts';

export interface Announcement {
  readonly registry: Registry;
  readonly options: RegistryOptions;
  /** Where the admin token is; undefined when there is none. */
  readonly adminToken: AdminTokenPlace | undefined;
  /** How a person starts this program again. */
  readonly launcher: string;
}

/** Where administrators find their token: in a file, or wherever the setting came from. Never the token. */
export type AdminTokenPlace =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'hashes'; readonly path: string }
  | { readonly kind: 'given'; readonly source: string };

/** One line for scripts that wait for the registry. */
export function readyEvent(announcement: Announcement): object {
  const { registry, options, adminToken } = announcement;
  const { address, http } = addressesOf(announcement);
  return {
    event: 'ready',
    version: packageVersion(),
    pid: process.pid,
    address,
    http: http ?? null,
    tlsFingerprint: registry.tlsFingerprint ?? null,
    data: options.directory === undefined ? null : resolve(options.directory),
    durability: options.directory === undefined ? 'none' : (options.durability ?? 'batch'),
    adminTokenFile: adminToken?.kind === 'file' ? resolve(adminToken.path) : null,
    recovery: recoveryOf(registry),
    warnings: warningsOf(announcement),
  };
}

/** The banner for people. */
export function bannerText(announcement: Announcement): string {
  const { registry, options } = announcement;
  const { address, http } = addressesOf(announcement);
  const nodes = registry.directory?.nodes.liveCount ?? 0;
  const warnings = warningsOf(announcement);
  const recovered = recoveryLines(registry);
  const rows = facts([
    ['address', address],
    ['TLS', registry.tlsFingerprint === undefined ? 'off' : `fingerprint ${registry.tlsFingerprint}`],
    ['HTTP', http === undefined ? 'off' : `http://${http}`],
    ['data folder', options.directory === undefined ? 'none, all is in memory' : resolve(options.directory)],
    ['durability', durabilityText(options)],
    ['admin token', adminTokenText(announcement)],
    ['nodes', String(nodes)],
  ]);
  const sections = [
    `muster ${packageVersion()}: the registry is ready.`,
    rows,
    ...(recovered.length === 0 ? [] : [section('Recovery', recovered)]),
    ...(warnings.length === 0 ? [] : [section('Not safe here', warnings)]),
    `Try in a second terminal:\n\n${commandsToTry(announcement)
      .map((command) => `  ${command}`)
      .join('\n')}`,
    'Ctrl-C stops it.',
  ];
  return `${sections.join('\n\n')}\n`;
}

function section(heading: string, lines: readonly string[]): string {
  return `${heading}:\n${lines.map((line) => `  * ${line}`).join('\n')}`;
}

function addressesOf({ registry, options }: Announcement): { address: string; http: string | undefined } {
  return {
    address: formatAddress({ ...options.listen, port: registry.port }),
    http:
      options.http === undefined ? undefined : formatAddress({ ...options.http, port: registry.httpPort }),
  };
}

function durabilityText({ directory, durability = 'batch' }: RegistryOptions): string {
  if (directory === undefined) return 'none: everything ends with this process';
  switch (durability) {
    case 'strict':
      return 'strict: a change is answered after a sync of its own';
    case 'batch':
      return 'batch: a change is answered after it is on the disk, one sync for many';
    case 'async':
      return 'async: a change is answered before it is on the disk';
    default:
      return durability satisfies never;
  }
}

function adminTokenText({ adminToken }: Announcement): string {
  switch (adminToken?.kind) {
    case undefined:
      return 'none: calls of administrators are off';
    case 'file':
      return `in the file ${shownPath(adminToken.path)}`;
    case 'hashes':
      return `hashed, in the file ${shownPath(adminToken.path)}`;
    case 'given':
      return `given by ${adminToken.source}`;
    default:
      return adminToken satisfies never;
  }
}

/** What an operator should know before strangers come. */
function warningsOf({ options, registry }: Announcement): readonly string[] {
  const { listen, http, policy } = options;
  const wide = !isLoopbackHost(listen.host);
  const plain = registry.tlsFingerprint === undefined;
  return [
    [!wide && plain, 'Every program on this machine can connect, without TLS; other machines cannot.'],
    [
      options.directory !== undefined,
      'There is no standby yet: losing this disk loses what came after the last backup.',
    ],
    [
      wide && plain,
      'Other machines can connect, and without TLS everything is readable on the way, tokens too: add --tls.',
    ],
    [
      http !== undefined && !isLoopbackHost(http.host),
      'The HTTP interface is open to other machines, without TLS.',
    ],
    [
      wide && policy?.strictDirectoryAuth !== true,
      'Anybody who can connect can look up nodes by id: --strict-directory-auth asks for signatures.',
    ],
    [
      options.directory !== undefined && options.durability === 'async',
      'A crash of this machine loses the last moments (durability async).',
    ],
    [options.rateLimits === false, 'Rates and bounds per address are off.'],
    [policy?.allowUnsignedRbac === true, 'Members are believed without proof (allow-unsigned-rbac).'],
    [
      policy?.allowUnsignedRequester === true,
      'Who asks for a hostname is believed without proof (allow-unsigned-requester).',
    ],
    [
      options.recover === true && options.directory !== undefined,
      'It was started with --recover: leave that out the next time.',
    ],
  ].flatMap(([applies, text]) => (applies === true ? [String(text)] : []));
}

/** What opening the store found, for scripts; null when there was nothing to recover from. */
function recoveryOf(registry: Registry): object | null {
  const report = registry.recovery;
  if (report === undefined) return null;
  const { created, lastSeq, replayedRecords, cleanEnd, torn, removed, setAside, repairs } = report;
  return {
    created,
    lastSeq,
    replayedRecords,
    cleanEnd,
    tornBytes: torn?.bytes ?? 0,
    removed,
    setAside,
    repairs,
  };
}

/** What a person should hear of: nothing after an orderly end. */
function recoveryLines(registry: Registry): readonly string[] {
  const report = registry.recovery;
  if (report === undefined || report.created) return [];
  const { torn, cleanEnd, repairs, setAside, replayedRecords } = report;
  const lines: string[] = [];
  if (!cleanEnd) {
    lines.push(`The last run did not end in order; ${count(replayedRecords, 'record')} came from the log.`);
  }
  if (torn !== undefined) {
    lines.push(
      `An unfinished write was cut off: ${showBytes(torn.bytes)} at offset ${torn.offset} of ${torn.file}. None of it was ever acknowledged.`,
    );
  }
  for (const { action, file, keptAs, dropped, reason } of repairs) {
    const kept = keptAs === undefined ? '' : `; kept as ${keptAs}`;
    const lost =
      dropped === undefined ? '' : `; records ${dropped.fromSeq} to ${dropped.toSeq} no longer count`;
    lines.push(`Repaired (${action}): ${file}: ${reason}${lost}${kept}`);
  }
  if (repairs.length === 0 && setAside.length > 0) {
    lines.push(`Damaged files of an earlier repair are still there: ${setAside.join(', ')}`);
  }
  return lines;
}

/** Three commands that work as they are in a second terminal, in the same folder. */
export function commandsToTry({ registry, options, adminToken, launcher }: Announcement): readonly string[] {
  const address = localAddress({ ...options.listen, port: registry.port });
  const reach = [
    ...(address === DEFAULT_REGISTRY_ADDRESS ? [] : [`--registry ${address}`]),
    ...(registry.tlsFingerprint === undefined ? [] : [`--pin ${registry.tlsFingerprint}`]),
  ];
  const command = (...words: readonly string[]): string => [launcher, ...words, ...reach].join(' ');
  const admin =
    adminToken?.kind === 'file' ? [`--admin-token-file ${quoted(shownPath(adminToken.path))}`] : undefined;
  return [
    command('nodes register --hostname alpha --public'),
    command('nodes get alpha'),
    admin === undefined ? command('nodes resolve alpha') : command('nodes list', ...admin),
  ];
}

/** Relative to the working folder where that is shorter and inside it. */
function shownPath(path: string): string {
  const fromHere = relative(process.cwd(), resolve(path));
  return fromHere === '' || fromHere.startsWith('..') ? resolve(path) : fromHere;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
