/** The settings of a mirror that belongs to a registry, put together. */
import type { Config } from '@muster/core';
import {
  type CoordinationConfig,
  coordinationConfigOf,
  coordinationProblems,
  type coordinationSettings,
} from '@muster/coordination/config';
import { membershipProblems, type membershipSettings } from '../settings/membership-settings.ts';

export type MirrorSettings = typeof coordinationSettings & typeof membershipSettings;

type Values = Readonly<Record<string, unknown>>;
type ProblemSources = Parameters<typeof coordinationProblems>[0];

/** What is wrong with several settings together; each line begins with where the value is from. */
export function mirrorProblems(config: ProblemSources): readonly string[] {
  return [
    ...coordinationProblems({ ...config, values: withRegistry(config.values, config.sources) }),
    ...membershipProblems({ ...config, reachesAnother: config.values['membersRegistry'] !== '' }),
  ];
}

/**
 * As the agent takes them. A mirror that belongs to a registry finds the other mirrors in its network, unless another source of
 * members is named.
 */
export function mirrorConfigOf(config: Config<MirrorSettings>): CoordinationConfig {
  const values = withRegistry(config.values, config.sources) as Config<MirrorSettings>['values'];
  return coordinationConfigOf({ ...config, values });
}

/** Whether members come from the network that the mirror itself joins, so that it need not ask for them a second time. */
export function isOwnNetwork(config: Config<MirrorSettings>, { node }: CoordinationConfig): boolean {
  const { values } = config;
  return (
    node.membersSource === 'registry' &&
    values.registry !== undefined &&
    node.membersRegistry === values.registry &&
    Number(node.membersNetwork) === values.registryNetwork
  );
}

const NAMES_A_SOURCE = [
  'members-source',
  'members-file',
  'members-announce-dir',
  'members-registry',
  'pod-name',
];

function withRegistry(values: Values, sources: ReadonlyMap<string, string>): Values {
  const { registry, registryNetwork, membersSource } = values;
  if (registry === undefined || registryNetwork === 0) return values;
  const isNamed = NAMES_A_SOURCE.some((key) => (sources.get(key) ?? 'default') !== 'default');
  const wantsRegistry = membersSource === 'registry' && values['membersRegistry'] === '';
  if (isNamed && !wantsRegistry) return values;
  return {
    ...values,
    membersSource: 'registry',
    membersRegistry: registry,
    membersNetwork: String(registryNetwork),
  };
}
