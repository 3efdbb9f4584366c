/** Services as their own configuration describes them: what they would listen on, read and write when they start. */
import { coordinationSettings } from '@muster/coordination/config';
import {
  type Config,
  type ConfigValues,
  loadConfig,
  readConfigFile,
  readSecretFile,
  type Settings,
} from '@muster/core';
import { discoveryConfigOf, DISCOVERY_ENVIRONMENT_PREFIX, discoverySettings } from '@muster/discovery/config';
import { cliErrors } from '../cli/cli-errors.ts';
import { mirrorConfigOf, mirrorProblems, type MirrorSettings } from '../serve/mirror-config.ts';
import { membershipProblems, membershipSettings } from '../settings/membership-settings.ts';
import { formatAddress, localAddress, parseAddress } from '../settings/address.ts';
import { registrySettings } from '../settings/registry-settings.ts';
import { tcpAddressOf } from './subject-of-fleet.ts';
import { type ListenPort, NOTHING, type SecretFile, type Subject, type Target } from './subject.ts';

/** Kinds of services that `--service <kind>=<file>` takes. */
export const SERVICE_KINDS = ['registry', 'node', 'mirror'] as const;
export type ServiceKind = (typeof SERVICE_KINDS)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws CONFIG_INVALID as the service itself would, and USAGE for another kind. */
export function subjectOfService(kind: string, path: string, environment: Environment): Subject {
  switch (kind) {
    case 'registry': {
      const secretFiles: string[] = [];
      return subjectOfRegistry(path, load(registrySettings, path, environment, {}, secretFiles), secretFiles);
    }
    case 'node':
      return subjectOfNode(
        path,
        load({ ...discoverySettings, ...membershipSettings }, path, environment, {
          unknownNames: 'warn',
          environmentPrefix: DISCOVERY_ENVIRONMENT_PREFIX,
          check: membershipProblems,
        }),
        environment,
      );
    case 'mirror':
      return subjectOfMirror(
        path,
        load({ ...coordinationSettings, ...membershipSettings }, path, environment, {
          check: mirrorProblems,
        }),
      );
    default:
      throw cliErrors.create('USAGE', `--service ${kind}=${path}: no kind of service`, {
        hint: `Say ${SERVICE_KINDS.map((each) => `${each}=<file>`).join(', or ')}.`,
      });
  }
}

function load<const S extends Settings>(
  settings: S,
  path: string,
  environment: Environment,
  more: Pick<Parameters<typeof loadConfig>[1], 'unknownNames' | 'environmentPrefix' | 'check'>,
  secretFiles: string[] = [],
): Config<S> {
  return loadConfig(settings, {
    environment,
    file: readConfigFile(path),
    // Who may read the file is examined later, with everything else that should be secret.
    readSecretFile: (file) => {
      secretFiles.push(file);
      return { ...readSecretFile(file), mode: undefined };
    },
    ...more,
  });
}

/** The name of a setting, and where its value is from: what a finding tells a person to change. */
function settingOf(
  config: { readonly sources: ReadonlyMap<string, string> },
  key: string,
  path: string,
): string {
  const source = config.sources.get(key) ?? 'default';
  return source === 'default' ? `${key} in ${path}` : `${key} (${source})`;
}

function subjectOfRegistry(
  path: string,
  config: Config<typeof registrySettings>,
  secretFiles: readonly string[],
): Subject {
  const { values } = config;
  const owner = 'the registry';
  const setting = (key: string): string => settingOf(config, key, path);
  const folder = values.store ?? values.data;
  const address = parseAddress(values.registryAddr);
  const http = values.http === undefined ? undefined : parseAddress(values.http);
  return {
    ...NOTHING,
    from: [`registry, ${path}`],
    ports: [
      ...port(owner, values.registryAddr, setting('registry-addr')),
      ...(values.http === undefined ? [] : port(`${owner} (HTTP)`, values.http, setting('http'))),
    ],
    folders: values.inMemory
      ? []
      : [
          {
            owner,
            path: folder,
            setting: setting('data'),
            isSecret: true,
            isDurable: values.durability !== 'async',
          },
        ],
    secrets: [
      ...secretFiles.map((file) => secret('token', owner, file, setting('admin-token'), false)),
      ...(values.tlsKey === undefined
        ? []
        : [secret('tls-key', owner, values.tlsKey, setting('tls-key'), false)]),
    ],
    endpoints:
      http === undefined || http.port === 0
        ? []
        : [
            {
              owner,
              kind: 'registry',
              address: localAddress(http),
              setting: setting('http'),
              isExpected: false,
            },
          ],
    // A self-signed certificate is not known here: with TLS only the port is asked.
    ...(address === undefined || address.port === 0
      ? {}
      : values.tls
        ? { targets: [{ owner, address, setting: setting('registry-addr'), isExpected: false }] }
        : {
            registries: [
              {
                address: localAddress(address),
                setting: setting('registry-addr'),
                isExpected: false,
                tls: false,
                adminToken: values.adminToken,
                network: undefined,
              },
            ],
          }),
  };
}

function subjectOfNode(
  path: string,
  config: Config<typeof discoverySettings & typeof membershipSettings>,
  environment: Environment,
): Subject {
  const { process: own, settings } = discoveryConfigOf(config, environment);
  const owner = settings.name === '' || settings.name === undefined ? 'the node' : settings.name;
  const setting = (key: string): string => settingOf(config, key, path);
  return {
    ...NOTHING,
    from: [`node, ${path}`],
    ports: [
      {
        owner,
        address: { host: own.listenHost, port: own.port },
        setting: setting('node-endpoint-port'),
        running: undefined,
      },
      ...(own.statusPort === undefined
        ? []
        : port(`${owner} (status)`, `127.0.0.1:${own.statusPort}`, setting('status-port'))),
    ],
    secrets: [
      {
        ...secret('key', owner, own.privateKeyPath, setting('private-key-path'), own.generateKeys),
        ...(own.publicKeyPath === undefined ? {} : { publicPath: own.publicKeyPath }),
      },
      secret('psk', owner, own.pskPath, setting('psk-path'), false),
    ],
    folders:
      own.store.kind === 'memory'
        ? []
        : [
            {
              owner,
              path: own.store.directory,
              setting: setting('store-url'),
              isSecret: false,
              isDurable: false,
            },
          ],
    endpoints:
      own.statusPort === undefined || own.statusPort === 0
        ? []
        : [
            {
              owner,
              kind: 'status',
              address: `127.0.0.1:${own.statusPort}`,
              setting: setting('status-port'),
              isExpected: false,
            },
          ],
    ...membershipOf(config, setting),
    targets: settings.indexerAddresses.flatMap(({ Addrs }) =>
      Addrs.flatMap((address) => target('a seed', address, setting('indexer-addresses'))),
    ),
  };
}

function subjectOfMirror(path: string, config: Config<MirrorSettings>): Subject {
  const { node } = mirrorConfigOf(config);
  const owner = node.nodeName === '' ? 'the mirror' : node.nodeName;
  const setting = (key: string): string => settingOf(config, key, path);
  return {
    ...NOTHING,
    from: [`mirror, ${path}`],
    ports: [
      ...port(owner, formatAddress(node.mirrorListen), setting('mirror-listen')),
      ...port(`${owner} (transfer)`, formatAddress(node.transferListen), setting('transfer-listen')),
      ...port(`${owner} (monitoring)`, formatAddress(node.metricsListen), setting('metrics-listen')),
      ...node.libp2pListen.flatMap((text) => {
        const address = tcpAddressOf(text);
        return address === undefined
          ? []
          : [{ owner: `${owner} (peers)`, address, setting: setting('libp2p-listen'), running: undefined }];
      }),
    ],
    secrets: [
      ...(node.identityPath === ''
        ? []
        : [secret('key', owner, node.identityPath, setting('libp2p-identity-path'), true)]),
      ...(node.pskPath === '' ? [] : [secret('psk', owner, node.pskPath, setting('psk-path'), false)]),
      ...(node.transferTokenPath === ''
        ? []
        : [secret('token', owner, node.transferTokenPath, setting('transfer-token-path'), false)]),
    ],
    folders: [
      { owner, path: node.cacheDirectory, setting: setting('cache-dir'), isSecret: false, isDurable: false },
    ],
    endpoints:
      node.metricsListen.port === 0
        ? []
        : [
            {
              owner,
              kind: 'mirror',
              address: localAddress(parseAddress(formatAddress(node.metricsListen)) ?? node.metricsListen),
              setting: setting('metrics-listen'),
              isExpected: false,
            },
          ],
    ...membershipOf(config, setting),
    targets: node.bootstrapPeers.flatMap((address) =>
      target('a peer', address, setting('libp2p-bootstrap-peers')),
    ),
    origins: node.registries.map(({ endpoint }) => ({
      url: endpoint,
      setting: setting('upstream-registries'),
    })),
  };
}

/** The registry that a node or mirror belongs to. With TLS it is asked only when the certificate is pinned, or the system's to trust. */
function membershipOf(
  { values }: { readonly values: ConfigValues<typeof membershipSettings> },
  setting: (key: string) => string,
): Pick<Subject, 'registries'> {
  const address = values.registry === undefined ? undefined : parseAddress(values.registry);
  if (address === undefined || values.registryCa !== undefined) return { registries: [] };
  const { registryPin: pin, registryTls: isTls } = values;
  return {
    registries: [
      {
        address: localAddress(address),
        setting: setting('registry'),
        isExpected: true,
        tls: pin !== undefined ? { pin } : isTls ? {} : false,
        adminToken: undefined,
        network: undefined,
      },
    ],
  };
}

function port(owner: string, text: string, setting: string): readonly ListenPort[] {
  const address = parseAddress(text);
  return address === undefined ? [] : [{ owner, address, setting, running: undefined }];
}

function target(owner: string, text: string, setting: string): readonly Target[] {
  const address = tcpAddressOf(text);
  return address === undefined ? [] : [{ owner, address, setting, isExpected: false }];
}

function secret(
  kind: SecretFile['kind'],
  owner: string,
  path: string,
  setting: string,
  isMade: boolean,
): SecretFile {
  return { kind, owner, path, setting, isMade };
}
