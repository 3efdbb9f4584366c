/**
 * A copy of a resource of the API server, kept up to date: listed once, then watched.
 *
 * Fault model: the server may be away, end a watch at any time, and forget old versions (410, then everything is listed again).
 * The copy stays as it was until the server answers again; there is at most one attempt in 1 s, later in 30 s.
 */

import type { Logger, Timers } from '@muster/core';
import type { KubeApi, KubeResource } from './kube-api.ts';

const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

export interface ReflectorParts {
  readonly api: Pick<KubeApi, 'list' | 'watch'>;
  readonly resource: KubeResource;
  readonly timers: Pick<Timers, 'sleep'>;
  readonly logger: Logger;
  /** After every list and every event. */
  readonly onChange: (objects: ReadonlyMap<string, unknown>) => void;
}

/** Runs until the signal is aborted. Never rejects. */
export async function reflect(parts: ReflectorParts, signal: AbortSignal): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await listAndWatch(parts, signal, () => {
        pauseMs = FIRST_PAUSE_MS;
      });
    } catch (error) {
      if (signal.aborted) return;
      const fields = { subsystem: 'members', resource: parts.resource.kind, retry_ms: pauseMs, err: error };
      parts.logger.warn(fields, 'the API server did not answer; it is asked again');
    }
    await parts.timers.sleep(pauseMs, signal).catch(() => undefined);
    pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2);
  }
}

async function listAndWatch(parts: ReflectorParts, signal: AbortSignal, onAnswer: () => void): Promise<void> {
  const { api, resource, onChange } = parts;
  const list = await api.list(resource, signal);
  const objects = new Map(list.items.map((object) => [nameOf(object), object]));
  onChange(objects);
  onAnswer();
  let { resourceVersion } = list;
  while (!signal.aborted) {
    let events = 0;
    for await (const event of api.watch(resource, resourceVersion, signal)) {
      if (event.type === 'ERROR') return;
      events += 1;
      resourceVersion = versionOf(event.object) ?? resourceVersion;
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') objects.delete(nameOf(event.object));
      else objects.set(nameOf(event.object), event.object);
      onChange(objects);
    }
    // A watch that ends without a word is not asked for again at once.
    if (events === 0) await parts.timers.sleep(FIRST_PAUSE_MS, signal);
  }
}

function metadataOf(object: unknown): { readonly name?: unknown; readonly resourceVersion?: unknown } {
  const { metadata } = (object ?? {}) as { readonly metadata?: object };
  return metadata ?? {};
}

function nameOf(object: unknown): string {
  return String(metadataOf(object).name ?? '');
}

function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object);
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined;
}
