import type { RegistryMembership } from './registry-membership.ts';

/** What a banner says of a membership. */
export function registryRows(
  membership: RegistryMembership | undefined,
): readonly (readonly [string, string])[] {
  if (membership === undefined) return [];
  const { registry, network } = membership.place;
  if (network === 0)
    return [['registry', `${registry}, no network: whoever has the pre-shared key is admitted`]];
  const members = membership.list();
  const known =
    members === undefined ? 'members not known yet' : `${members.length} members, as last confirmed`;
  return [['registry', `${registry}, network ${network} (${known})`]];
}
