/** From settings to what the registry takes. */
import { readFile } from 'node:fs/promises';
import { type AdminTokenEntry, KeyRing, parseAdminTokenFile, type RegistryOptions } from '@muster/registry';
import { coreErrors, errorCode, type ConfigValues } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import { parseAddress } from '../settings/address.ts';
import type { registrySettings } from '../settings/registry-settings.ts';

export type RegistryValues = ConfigValues<typeof registrySettings>;

/** What the settings decide; logger and callbacks come from who starts the registry. */
export type ConfiguredOptions = Omit<RegistryOptions, 'logger' | 'onProgress' | 'onFatal'>;

/** The data folder; undefined when nothing is kept. Throws CONFIG_INVALID for settings that contradict each other. */
export function dataDirectoryOf(
  values: RegistryValues,
  sources: ReadonlyMap<string, string>,
): string | undefined {
  const given = (key: string): boolean => sources.get(key) !== 'default';
  if (values.store !== undefined && given('data')) {
    throw contradiction(
      `${sources.get('store')} and ${sources.get('data')} are the same setting; give one of them`,
    );
  }
  if (!values.inMemory) return values.store ?? values.data;
  const where = given('data') ? 'data' : 'store';
  if (given(where)) {
    throw contradiction(`${sources.get(where)} names a folder, and ${sources.get('in-memory')} wants none`);
  }
  return undefined;
}

/** Throws CONFIG_INVALID, FILE_UNUSABLE, `invalid_key_ring`, `invalid_admin_token_file`. */
export async function registryOptionsOf(
  values: RegistryValues,
  directory: string | undefined,
): Promise<ConfiguredOptions> {
  const { http, beaconAddr, badgeKeys, recoveryKeys, adminTokensFile } = values;
  return {
    listen: addressOf(values.registryAddr),
    directory,
    http: http === undefined ? undefined : addressOf(http),
    tls: tlsOf(values),
    durability: values.durability,
    recover: values.recover,
    staleThresholdMs: values.staleThresholdMs,
    adminToken: values.adminToken?.reveal(),
    adminTokens: adminTokensFile === undefined ? [] : await readAdminTokens(adminTokensFile),
    policy: {
      strictDirectoryAuth: values.strictDirectoryAuth,
      strictRegistrationAuth: values.strictRegistrationAuth,
      strictHeartbeatFreshness: values.strictHeartbeatFreshness,
      strictExpiryBinding: values.strictExpiryBinding,
      allowUnsignedRbac: values.allowUnsignedRbac,
      allowUnsignedRequester: values.allowUnsignedRequester,
      legacyMessages: values.legacyMessages,
      idAllocation: values.idAllocation,
      beaconAddress: beaconAddr ?? '',
    },
    limits: {
      directory: { maxNodes: values.maxNodes },
      admission: { maxConnections: values.maxConnections },
    },
    rateLimits: !values.noRateLimit,
    limitLoopback: values.limitLoopback,
    allowedDestinations: values.allowedDestinations,
    allowSymmetricTokens: values.allowSymmetricTokens,
    ...(badgeKeys === undefined ? {} : { badgeKeys: await readKeyRing(badgeKeys) }),
    ...(recoveryKeys === undefined ? {} : { recoveryKeys: await readKeyRing(recoveryKeys) }),
  };
}

function addressOf(text: string): { host: string; port: number } {
  const address = parseAddress(text);
  if (address === undefined) throw new TypeError(`an unchecked address: ${text}`);
  return address;
}

function tlsOf(values: RegistryValues): NonNullable<RegistryOptions['tls']> {
  const { tlsCert, tlsKey, tlsNames } = values;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    throw contradiction('tls-cert and tls-key belong together: give both, or neither');
  }
  if (!values.tls) {
    if (tlsCert !== undefined) throw contradiction('tls-cert is given, but tls is off: add --tls');
    return { kind: 'off' };
  }
  if (tlsCert === undefined || tlsKey === undefined) return { kind: 'self-signed', hostNames: tlsNames };
  return { kind: 'files', certificatePath: tlsCert, keyPath: tlsKey };
}

async function readAdminTokens(path: string): Promise<readonly AdminTokenEntry[]> {
  return parseAdminTokenFile(await readText(path));
}

/** Text of a ring always holds `=`; what holds none is the name of a file. */
async function readKeyRing(text: string): Promise<KeyRing> {
  return KeyRing.parse(text.includes('=') ? text : await readText(text));
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw cliErrors.create('FILE_UNUSABLE', `${path} cannot be read (${errorCode(cause) ?? String(cause)})`, {
      details: { path },
      cause,
    });
  }
}

function contradiction(message: string): Error {
  return coreErrors.create('CONFIG_INVALID', message, { details: { problems: [message] } });
}
