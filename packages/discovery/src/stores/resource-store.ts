import type { PeerId } from '../wire/messages.ts';
import type { DataType } from './data-types.ts';

/** 19.2: of a resource that anyone may see. */
export const PUBLIC_ACCESS = 1;

/** A resource as far as it is looked at here (20.5); what else it has passes through. */
export interface Resource {
  readonly id: string;
  readonly name?: string;
  readonly type?: string;
  readonly creator_id?: string;
  readonly access_mode?: number;
  readonly short_description?: string;
  readonly description?: string;
  readonly owners?: readonly { readonly name?: string }[];
  readonly instances?: readonly {
    readonly partnerships?: readonly {
      /** Groups by DID or peer id of the partner; `*` is all of its users. */
      readonly peer_groups?: Readonly<Record<string, readonly string[]>>;
    }[];
  }[];
  readonly [member: string]: unknown;
}

/** Who asks for what (20.5). */
export interface AccessFilter {
  /** Our own id: only own resources are ever given. */
  readonly ownId: string;
  /** The authenticated peer that asks, and its DID where it is known. */
  readonly requester: { readonly peer: PeerId; readonly did?: string };
  /** Groups of the asking user, vouched for by its peer's signature. */
  readonly groups: readonly string[];
  /** Part of a text, in any case; empty for everything. */
  readonly text: string;
}

/** The local resources (section 23). Both calls resolve with what is there now, and reject with STORE_INVALID or STORE_FAILED. */
export interface ResourceStore {
  /** Resources of the types that the requester may see and that match, at most `limit`. */
  search(types: readonly DataType[], filter: AccessFilter, limit?: number): Promise<readonly Resource[]>;
  get(type: DataType, id: string): Promise<Resource | undefined>;
}

/** A resource store that can be changed from here. */
export interface WritableResourceStore extends ResourceStore {
  /** Stores the resource under its id, in place of another of that type and id. */
  put(type: DataType, resource: Resource): Promise<void>;
  /** Whether there was one. */
  remove(type: DataType, id: string): Promise<boolean>;
}
