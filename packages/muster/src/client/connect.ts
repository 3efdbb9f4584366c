import { readFile } from 'node:fs/promises';
import { type ConfigValues, errorCode } from '@muster/core';
import type { Identity } from '@muster/core/identity';
import { RegistryClient, type TlsOptions } from '@muster/client';
import { cliErrors } from '../cli/cli-errors.ts';
import type { CommandContext } from '../cli/command.ts';
import { ALL_INTERFACES, isLoopbackHost, localAddress, parseAddress } from '../settings/address.ts';
import type { clientSettings, connectionSettings } from '../settings/client-settings.ts';
import { expandHome, knownNodeId, readKey, readKeyIfThere } from './key-files.ts';

type ConnectionValues = ConfigValues<typeof connectionSettings>;

/** What a command that talks to a registry has at least. */
interface ConnectionContext {
  readonly values: ConnectionValues;
  note(text: string): void;
}

/** Who a command acts as. */
export interface Caller {
  readonly identity?: Identity | undefined;
  readonly nodeId?: number | undefined;
}

/** The address of the registry, in the one form under which ids are noted. */
export function registryAddress({ registry }: Pick<ConnectionValues, 'registry'>): string {
  const address = parseAddress(registry);
  return address === undefined ? registry : localAddress(address);
}

/** Runs something with a client, and closes it. */
export async function withClient<T>(
  context: ConnectionContext,
  { identity, nodeId }: Caller,
  use: (client: RegistryClient) => Promise<T>,
): Promise<T> {
  const { values } = context;
  const tls = await tlsOf(values);
  const adminToken = values.adminToken?.reveal();
  if (adminToken !== undefined && tls === false && !isLoopbackHost(hostOf(values))) {
    context.note('The admin token goes over the network in clear. Use TLS: --pin, --ca or --tls.');
  }
  await using client = new RegistryClient({
    address: registryAddress(values),
    // Its errors have codes, and it works with registries from before the binary form.
    encoding: 'json',
    tls,
    poolSize: 1,
    connectTimeoutMs: values.timeoutMs,
    requestTimeoutMs: values.timeoutMs,
    reconnect: { maxAttempts: 1 },
    // A known node signs what it asks, so that registries with strict directory authentication answer it.
    strict: { directory: identity !== undefined && nodeId !== undefined },
    ...(identity === undefined ? {} : { identity }),
    ...(nodeId === undefined ? {} : { nodeId }),
    ...(adminToken === undefined ? {} : { adminToken }),
  });
  return await use(client);
}

/** How to connect with TLS, as settings say. Rejects FILE_UNUSABLE. */
export async function tlsOf({
  tls,
  pin,
  ca,
}: Pick<ConnectionValues, 'tls' | 'pin' | 'ca'>): Promise<false | TlsOptions> {
  if (!tls && pin === undefined && ca === undefined) return false;
  return {
    ...(pin === undefined ? {} : { pin }),
    ...(ca === undefined ? {} : { ca: await readCertificates(ca) }),
  };
}

async function readCertificates(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw cliErrors.create('FILE_UNUSABLE', `${path} cannot be read (${errorCode(cause) ?? String(cause)})`, {
      details: { path },
      cause,
    });
  }
}

function hostOf({ registry }: ConnectionValues): string {
  const address = parseAddress(registry);
  return address === undefined || address.host === ALL_INTERFACES ? 'localhost' : address.host;
}

type ClientContext = CommandContext<typeof clientSettings>;

/** The path of the key. */
export function keyPathOf({ values, io }: Pick<ClientContext, 'io'> & { values: { key: string } }): string {
  return expandHome(values.key, io.homeDirectory);
}

/** The node that the command acts for. Throws NODE_UNKNOWN; the KEY_FILE codes. */
export async function requireCaller(context: ClientContext): Promise<Required<Caller> & { nodeId: number }> {
  const { values } = context;
  const keyPath = keyPathOf(context);
  const identity = await readKey(keyPath);
  const address = registryAddress(values);
  const nodeId = values.node ?? (await knownNodeId(keyPath, address));
  if (nodeId !== undefined) return { identity, nodeId };
  throw cliErrors.create(
    'NODE_UNKNOWN',
    `which node of ${address} belongs to the key ${keyPath} is not known`,
    {
      details: { key: keyPath, registry: address },
    },
  );
}

/** The node that the command acts for if there is one: otherwise it asks as a stranger. */
export async function optionalCaller(context: {
  readonly io: ClientContext['io'];
  readonly values: Pick<ClientContext['values'], 'key' | 'node' | 'registry'>;
  readonly config: Pick<ClientContext['config'], 'sources'>;
}): Promise<Caller> {
  const { values, config } = context;
  const keyPath = keyPathOf(context);
  const isDefault = config.sources.get('key') === 'default';
  const identity = isDefault ? await readKeyIfThere(keyPath) : await readKey(keyPath);
  if (identity === undefined) return {};
  const nodeId = values.node ?? (await knownNodeId(keyPath, registryAddress(values)));
  return nodeId === undefined ? {} : { identity, nodeId };
}
