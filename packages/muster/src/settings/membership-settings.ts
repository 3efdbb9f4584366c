import { defineSettings, type Settings } from '@muster/core';
import { addressProblem } from './address.ts';

const GROUP = 'Registry that it belongs to';
/** As the registry takes them. */
const TAG = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const MAX_TAG_BYTES = 32;

/**
 * Belonging to a registry, for whatever runs with a key of its own: `node run` and `mirror run`. Their variables are not those of
 * the clients, so that a registry which a person asks does not become the one that a node announces itself to.
 */
export const membershipSettings = defineSettings({
  registry: {
    type: 'text',
    environment: 'MUSTER_MEMBER_REGISTRY',
    check: addressProblem,
    description:
      'Registry to belong to, host:port: it registers there, sends heartbeats and publishes its addresses. With the registry gone it goes on.',
    group: GROUP,
  },
  'registry-network': {
    type: 'integer',
    environment: 'MUSTER_MEMBER_NETWORK',
    min: 0,
    max: 65_535,
    default: 0,
    description:
      'Network of that registry to join. Its members with the tag indexer are seeds, and only its members may connect. 0 = none.',
    group: GROUP,
  },
  'registry-network-token': {
    type: 'secret',
    environment: 'MUSTER_MEMBER_NETWORK_TOKEN',
    description: 'Token of the network, when it asks for one.',
    group: GROUP,
  },
  'registry-tls': {
    type: 'boolean',
    environment: 'MUSTER_MEMBER_TLS',
    default: false,
    description: 'Reach the registry with TLS, with a certificate that this system trusts.',
    group: GROUP,
  },
  'registry-pin': {
    type: 'text',
    environment: 'MUSTER_MEMBER_PIN',
    check: (value) =>
      /^[0-9a-fA-F]{64}$/.test(value) ? undefined : 'not a SHA-256 fingerprint of 64 hex digits',
    description: 'Reach the registry with TLS, with the certificate that has this fingerprint.',
    group: GROUP,
  },
  'registry-ca': {
    type: 'path',
    environment: 'MUSTER_MEMBER_CA',
    description: 'Reach the registry with TLS, with a certificate signed by those in this PEM file.',
    group: GROUP,
  },
  'registry-visibility': {
    type: 'text',
    environment: 'MUSTER_MEMBER_VISIBILITY',
    choices: ['auto', 'public', 'private'],
    default: 'auto',
    description:
      'Whether the registry tells anybody the address, or only members of the same network. auto = public when all listens on the loopback, else private.',
    group: GROUP,
  },
  'registry-tags': {
    type: 'list',
    environment: 'MUSTER_MEMBER_TAGS',
    default: [],
    check: (tag) =>
      TAG.test(tag) && tag.length <= MAX_TAG_BYTES
        ? undefined
        : `not a tag: lower-case letters, digits and hyphens, at most ${MAX_TAG_BYTES}`,
    description: 'Further tags under which it can be found; at most 5.',
    group: GROUP,
  },
  'registry-heartbeat': {
    type: 'duration',
    environment: 'MUSTER_MEMBER_HEARTBEAT',
    default: '60s',
    min: '1s',
    max: '120s',
    description: 'Time between heartbeats. Without one for 3 minutes a registry takes a node for gone.',
    group: GROUP,
  },
  'registry-refresh': {
    type: 'duration',
    environment: 'MUSTER_MEMBER_REFRESH',
    default: '5s',
    min: '100ms',
    max: '10m',
    description: 'Time between looks at the list of members: so long a removed one may stay connected.',
    group: GROUP,
  },
  'registry-members-file': {
    type: 'path',
    environment: 'MUSTER_MEMBER_FILE',
    description:
      'Where the last list of members is kept, for starts without the registry. Unless given: members.json in the data folder, or beside the identity of a mirror.',
    group: GROUP,
  },
  'registry-deregister': {
    type: 'boolean',
    environment: 'MUSTER_MEMBER_DEREGISTER',
    default: false,
    description:
      'Leave the registry and all its networks at a clean stop. Otherwise only the heartbeats end, and it comes back as the same member.',
    group: GROUP,
  },
} as const satisfies Settings);

/** Most tags that a user may add: the registry keeps ten, and the others say what the member is and where it listens. */
export const MAX_FURTHER_TAGS = 5;

/** How a registry is reached, whichever setting names it. */
const REACHING: ReadonlySet<string> = new Set(['registry-tls', 'registry-pin', 'registry-ca']);

/** What is wrong with several of these settings together; each line begins with where the value is from. */
export function membershipProblems({
  values,
  sources,
  invalid,
  reachesAnother = false,
}: {
  readonly values: Readonly<Record<string, unknown>>;
  readonly sources: ReadonlyMap<string, string>;
  readonly invalid: ReadonlySet<string>;
  /** Another setting names a registry, which is reached in the same way. @default false */
  readonly reachesAnother?: boolean;
}): readonly string[] {
  const problems: string[] = [];
  const tags = values['registryTags'];
  if (Array.isArray(tags) && tags.length > MAX_FURTHER_TAGS) {
    problems.push(`${sources.get('registry-tags')}: registry-tags: more than ${MAX_FURTHER_TAGS}`);
  }
  if (values['registry'] !== undefined || invalid.has('registry')) return problems;
  for (const key of Object.keys(membershipSettings)) {
    const source = sources.get(key);
    if (reachesAnother && REACHING.has(key)) continue;
    if (key !== 'registry' && source !== undefined && source !== 'default')
      problems.push(`${source}: ${key}: has no effect without registry`);
  }
  return problems;
}
