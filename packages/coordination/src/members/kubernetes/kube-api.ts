/** The API server, as a port: two resources, listed and watched, and the annotations of the own pod. */

export type KubeResource =
  | { readonly kind: 'pods'; readonly namespace: string; readonly labelSelector: string }
  | { readonly kind: 'nodes' };

export interface KubeList {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
}

export interface KubeEvent {
  readonly type: string;
  readonly object: unknown;
}

export interface KubeApi {
  list(resource: KubeResource, signal: AbortSignal): Promise<KubeList>;
  /** Events from `resourceVersion` on; ends when the server ends it, which it does every few minutes. */
  watch(resource: KubeResource, resourceVersion: string, signal: AbortSignal): AsyncIterable<KubeEvent>;
  /** Merges annotations into those of a pod. */
  annotatePod(
    namespace: string,
    name: string,
    annotations: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void>;
}
