/** Where the registries are whose name is not their address. */
const ENDPOINTS: Readonly<Record<string, string>> = { 'docker.io': 'https://registry-1.docker.io' };

/** URL of the registry of that name, as far as the name tells it. */
export function endpointOf(registry: string): string {
  const isLocal = /^(localhost|127\.[\d.]+)(:|$)/.test(registry);
  return ENDPOINTS[registry] ?? `${isLocal ? 'http' : 'https'}://${registry}`;
}
