/** Pulls images as a container runtime does: manifest, configuration and layers of one mirror, compared with their digests. */
import type { Digest } from '@muster/coordination';
import { NOWHERE } from '../../pull/oci-layout.ts';
import { pullImage } from '../../pull/pull-image.ts';
import type { MirrorPlace, OriginImage, Puller, PullResult } from '../ports.ts';

/** Longest that one pull may take: far longer than any that goes well. */
const TIMEOUT_MS = 180_000;
/** Objects at one time, as container runtimes have it. */
const PARALLEL = 3;

export class MirrorPuller implements Puller {
  readonly #registry: string;
  readonly #signal: AbortSignal;

  /** `registry`: the name under which the mirrors know the origin. */
  constructor(registry: string, signal: AbortSignal) {
    this.#registry = registry;
    this.#signal = signal;
  }

  async pull({ name, mirror }: MirrorPlace, { repository, digest }: OriginImage): Promise<PullResult> {
    const startedAt = performance.now();
    const { objects } = await pullImage({
      mirror,
      registry: this.#registry,
      repository,
      digest: digest as Digest,
      platform: undefined,
      parallel: PARALLEL,
      target: NOWHERE,
      onProgress: () => {},
      signal: AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const bytes = { cache: 0, peer: 0, origin: 0, unknown: 0 };
    for (const { source, size } of objects) bytes[source === 'present' ? 'unknown' : source] += size;
    return { mirror: name, ms: performance.now() - startedAt, bytes };
  }
}
