import { coordinationErrors } from '../errors.ts';

/** One entry of `upstream_registries` (coordination spec 15.1). */
export interface RegistryConfig {
  readonly name: string;
  /** http or https URL that `/v2/` is put behind. */
  readonly endpoint: string;
  readonly credentialsPath?: string;
  /** Another name by which runtimes may ask for it. */
  readonly nsAlias?: string;
}

/** The registries that this node pulls from, by name and by alias. */
export class RegistryTable {
  readonly list: readonly RegistryConfig[];
  readonly #byName = new Map<string, RegistryConfig>();

  /** Throws `ORIGIN_UNKNOWN` when there is none, or when names or aliases are empty or name two registries. */
  constructor(registries: readonly RegistryConfig[]) {
    if (registries.length === 0) throw invalid('no registry is configured');
    this.list = registries;
    for (const registry of registries) this.#add(registry.name, registry);
    for (const registry of registries) {
      if (registry.nsAlias !== undefined && registry.nsAlias !== registry.name) {
        this.#add(registry.nsAlias, registry);
      }
    }
  }

  /** The registry with this name or alias. */
  get(name: string): RegistryConfig | undefined {
    return this.#byName.get(name);
  }

  /** The registry that a request for `ns` means (13.2): without `ns` the only one, if there is one only. */
  forNamespace(ns: string | undefined): RegistryConfig | undefined {
    if (ns !== undefined) return this.get(ns);
    return this.list.length === 1 ? this.list[0] : undefined;
  }

  #add(name: string, registry: RegistryConfig): void {
    if (name === '') throw invalid('a registry without a name is configured');
    if (this.#byName.has(name)) throw invalid(`two registries are called ${JSON.stringify(name)}`);
    this.#byName.set(name, registry);
  }
}

/**
 * The URL of an endpoint, without a slash at its end. Throws `ORIGIN_UNKNOWN` for what is no http or https URL, and for one
 * with a user, a query or a fragment: credentials belong in a file, where no log shows them.
 */
export function parseEndpoint(text: string): URL {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw invalid('an endpoint is no http or https URL');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw invalid('an endpoint has credentials, a query or a fragment in its URL');
  }
  url.pathname = url.pathname.replace(/\/+$/, '');
  return url;
}

function invalid(message: string): Error {
  return coordinationErrors.create('ORIGIN_UNKNOWN', message);
}
