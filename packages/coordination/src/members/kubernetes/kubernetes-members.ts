import type { Logger, Timers } from '@muster/core';
import { ViewedMembers } from '../members.ts';
import type { KubeApi } from './kube-api.ts';
import { reflect } from './reflector.ts';
import { kubernetesView, nodeZone, type PodFacts, podFacts } from './rules.ts';

export interface KubernetesMembersParts {
  /** Name of the node that this agent runs on. */
  readonly self: string;
  readonly podName: string;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly zoneLabel: string;
  readonly transferPort: number;
  readonly api: KubeApi;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** The agents of a namespace and the zones of their nodes (18.2). Zones are unknown while nodes cannot be listed. */
export class KubernetesMembers extends ViewedMembers {
  readonly #parts: KubernetesMembersParts;
  readonly #stopped = new AbortController();
  #pods: readonly PodFacts[] | undefined;
  #zones: ReadonlyMap<string, string> = new Map();
  #running: Promise<unknown> = Promise.resolve();

  constructor(parts: KubernetesMembersParts) {
    super(parts.self);
    this.#parts = parts;
  }

  async start(): Promise<void> {
    const { api, timers, logger, namespace, labelSelector, zoneLabel } = this.#parts;
    const { signal } = this.#stopped;
    const shared = { api, timers, logger };
    const pods = reflect(
      {
        ...shared,
        resource: { kind: 'pods', namespace, labelSelector },
        onChange: (objects) => {
          this.#pods = [...objects.values()].map(podFacts).filter((pod) => pod !== undefined);
          this.#publish();
        },
      },
      signal,
    );
    const nodes = reflect(
      {
        ...shared,
        resource: { kind: 'nodes' },
        onChange: (objects) => {
          const zones = [...objects.values()].map((object) => nodeZone(object, zoneLabel));
          this.#zones = new Map(
            zones.filter((entry) => entry !== undefined).map(({ name, zone }) => [name, zone]),
          );
          this.#publish();
        },
      },
      signal,
    );
    this.#running = Promise.all([pods, nodes]);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the members are no longer watched'));
    await this.#running;
  }

  /** The annotations of the own pod as the server has them; undefined until it was seen. */
  ownAnnotations(): Readonly<Record<string, string>> | undefined {
    return this.#pods?.find(({ name }) => name === this.#parts.podName)?.annotations;
  }

  #publish(): void {
    if (this.#pods === undefined) return;
    const { transferPort } = this.#parts;
    this.view.replace(kubernetesView(this.#pods, { zones: this.#zones, transferPort }));
  }
}
