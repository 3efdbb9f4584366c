import { isVisible } from './access-filter.ts';
import type { DataType } from './data-types.ts';
import type { AccessFilter, Resource, WritableResourceStore } from './resource-store.ts';

/** A resource with its type. */
export interface StoredResource {
  readonly datatype: DataType;
  readonly resource: Resource;
}

/** Resources in memory, found in the order in which they were stored. */
export class MemoryResourceStore implements WritableResourceStore {
  readonly #byType = new Map<DataType, Map<string, Resource>>();

  constructor(resources: Iterable<StoredResource> = []) {
    for (const { datatype, resource } of resources) this.#of(datatype).set(resource.id, resource);
  }

  async search(
    types: readonly DataType[],
    filter: AccessFilter,
    limit = Infinity,
  ): Promise<readonly Resource[]> {
    const found: Resource[] = [];
    for (const type of new Set(types)) {
      for (const resource of this.#byType.get(type)?.values() ?? []) {
        if (found.length >= limit) return found;
        if (isVisible(resource, filter)) found.push(resource);
      }
    }
    return found;
  }

  async get(type: DataType, id: string): Promise<Resource | undefined> {
    return this.#byType.get(type)?.get(id);
  }

  async put(type: DataType, resource: Resource): Promise<void> {
    this.#of(type).set(resource.id, resource);
  }

  async remove(type: DataType, id: string): Promise<boolean> {
    return this.#byType.get(type)?.delete(id) ?? false;
  }

  /** Everything, by type. */
  all(): readonly StoredResource[] {
    return [...this.#byType].flatMap(([datatype, resources]) =>
      [...resources.values()].map((resource) => ({ datatype, resource })),
    );
  }

  #of(type: DataType): Map<string, Resource> {
    let resources = this.#byType.get(type);
    if (resources === undefined) this.#byType.set(type, (resources = new Map()));
    return resources;
  }
}
