export { coordinationConfigOf, coordinationProblems } from './coordination-config.ts';
export type { CoordinationConfig, MembersSource, NodeSettings } from './coordination-config.ts';
export { coordinationSettings } from './coordination-settings.ts';
export { COORDINATION_ENVIRONMENT_PREFIX } from './setting-group.ts';
