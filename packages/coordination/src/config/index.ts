export { coordinationConfigOf, coordinationProblems } from './coordination-config.ts';
export type { CoordinationConfig, MembersSource, NodeSettings } from './coordination-config.ts';
export { coordinationSettings } from './coordination-keys.ts';
export { COORDINATION_ENVIRONMENT_PREFIX } from './setting-group.ts';
