export { discoveryConfigOf, withoutSelf } from './discovery-config.ts';
export type { DiscoveryConfig, ProcessSettings } from './discovery-config.ts';
export {
  DISCOVERY_CONFIG_FILES,
  DISCOVERY_ENVIRONMENT_PREFIX,
  discoverySettings,
  nodeModeProblem,
} from './discovery-settings.ts';
