import { field, list, malformed, objectOf, text } from '../../wire/fields.ts';
import { type DataType, dataTypeOf } from '../data-types.ts';
import { MemoryResourceStore, type StoredResource } from '../memory-resource-store.ts';
import type { PlannerProvider } from '../planner-provider.ts';
import type { AccessFilter, Resource, WritableResourceStore } from '../resource-store.ts';
import { JsonFile } from './json-file.ts';

const FORMAT = 'muster-resources/1';
const MAX_RESOURCES = 1_000_000;
const MAX_ID_CHARS = 1_024;

interface StoredResources {
  readonly format: typeof FORMAT;
  readonly resources: readonly StoredResource[];
}

/**
 * Resources in a file that applications write too, for which see {@link JsonFile}: every call looks whether it has
 * changed. Rejects STORE_INVALID while the file is damaged, which leaves it as it is, and STORE_FAILED.
 */
export class FileResourceStore implements WritableResourceStore {
  readonly #file: JsonFile<StoredResources>;
  #memory: MemoryResourceStore | undefined;
  /** One call after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#file = new JsonFile(path, decode);
  }

  async search(
    types: readonly DataType[],
    filter: AccessFilter,
    limit?: number,
  ): Promise<readonly Resource[]> {
    const memory = await this.#inOrder(async () => this.#current());
    return memory.search(types, filter, limit);
  }

  async get(type: DataType, id: string): Promise<Resource | undefined> {
    const memory = await this.#inOrder(async () => this.#current());
    return memory.get(type, id);
  }

  async put(type: DataType, resource: Resource): Promise<void> {
    await this.#change(async (memory) => memory.put(type, resource));
  }

  async remove(type: DataType, id: string): Promise<boolean> {
    return this.#change(async (memory) => memory.remove(type, id));
  }

  async #current(): Promise<MemoryResourceStore> {
    if (this.#memory === undefined || (await this.#file.hasChanged())) {
      this.#memory = undefined;
      this.#memory = new MemoryResourceStore((await this.#file.read())?.resources);
    }
    return this.#memory;
  }

  async #change<T>(change: (memory: MemoryResourceStore) => Promise<T>): Promise<T> {
    return this.#inOrder(async () => {
      this.#memory = undefined;
      let result: Promise<T> | undefined;
      await this.#file.update((content) => {
        const memory = new MemoryResourceStore(content?.resources);
        result = change(memory);
        return { format: FORMAT, resources: memory.all() };
      });
      return result as Promise<T>;
    });
  }

  async #inOrder<T>(call: () => Promise<T>): Promise<T> {
    const result = this.#work.then(call);
    this.#work = result.catch(() => {});
    return result;
  }
}

function decode(value: unknown): StoredResources {
  const fields = objectOf(value, 'the content');
  if (fields['format'] !== FORMAT) throw malformed('format', FORMAT);
  return { format: FORMAT, resources: list(fields, 'resources', MAX_RESOURCES, storedResource) };
}

function storedResource(value: unknown, what: string): StoredResource {
  const fields = objectOf(value, what);
  const datatype = dataTypeOf(field(fields, 'datatype'));
  if (datatype === undefined) throw malformed('datatype', 'a type of data');
  const resource = objectOf(field(fields, 'resource'), 'resource');
  return { datatype, resource: { ...resource, id: text(resource, 'id', MAX_ID_CHARS) } };
}

/** The plan that a file holds, any JSON object; `{}` when there is none. Rejects STORE_INVALID, STORE_FAILED. */
export class FilePlannerProvider implements PlannerProvider {
  readonly #file: JsonFile<object>;

  constructor(path: string) {
    this.#file = new JsonFile(path, (value) => objectOf(value, 'the plan'));
  }

  async shallowPlan(): Promise<unknown> {
    return (await this.#file.read()) ?? {};
  }
}
