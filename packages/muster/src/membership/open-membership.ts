/** From settings to a membership. */
import { readFile } from 'node:fs/promises';
import { type ConfigValues, errorCode, type Logger, systemClock, systemTimers } from '@muster/core';
import type { TlsOptions } from '@muster/client';
import { cliErrors } from '../cli/cli-errors.ts';
import { packageVersion } from '../cli/version.ts';
import { isLoopbackHost } from '../settings/address.ts';
import type { membershipSettings } from '../settings/membership-settings.ts';
import type { MemberFacts } from './member-facts.ts';
import { RegistryMembership } from './registry-membership.ts';
import { normalised } from './supervised-cuts.ts';

export type MembershipValues = ConfigValues<typeof membershipSettings>;

/** The membership that the settings ask for; undefined when they name no registry. Throws FILE_UNUSABLE. */
export async function openMembership(
  values: MembershipValues,
  options: { readonly membersFile: string | undefined; readonly logger: Logger },
): Promise<RegistryMembership | undefined> {
  if (values.registry === undefined) return undefined;
  return await RegistryMembership.open({
    registry: normalised(values.registry),
    tls: await registryTlsOf(values),
    network: values.registryNetwork,
    networkToken: values.registryNetworkToken?.reveal(),
    heartbeatMs: values.registryHeartbeatMs,
    refreshMs: values.registryRefreshMs,
    membersFile: values.registryMembersFile ?? options.membersFile,
    deregisterAtStop: values.registryDeregister,
    version: packageVersion(),
    clock: systemClock,
    timers: systemTimers,
    logger: options.logger.child({ subsystem: 'membership' }),
  });
}

/** What the settings say of the visibility: `auto` shows who listens on the loopback only, which nobody else can reach. */
export function visibilityOf(
  { registryVisibility }: Pick<MembershipValues, 'registryVisibility'>,
  listenHosts: readonly string[],
): MemberFacts['visibility'] {
  if (registryVisibility !== 'auto') return registryVisibility;
  return listenHosts.every(isLoopbackHost) ? 'public' : 'private';
}

/** How a registry is reached: with TLS if any of its settings is given. Throws FILE_UNUSABLE. */
export async function registryTlsOf(
  values: Pick<MembershipValues, 'registryTls' | 'registryPin' | 'registryCa'>,
): Promise<false | TlsOptions> {
  const { registryTls, registryPin: pin, registryCa: path } = values;
  if (!registryTls && pin === undefined && path === undefined) return false;
  const pinned = pin === undefined ? {} : { pin };
  if (path === undefined) return pinned;
  try {
    return { ...pinned, ca: await readFile(path, 'utf8') };
  } catch (cause) {
    throw cliErrors.create(
      'FILE_UNUSABLE',
      `registry-ca: ${path} (${errorCode(cause) ?? 'cannot be read'})`,
      {
        details: { path },
        cause,
      },
    );
  }
}
