/** Pulls of many at once, and what they cost. */
import { errorCode } from '@muster/core';
import { showBytes } from '../cli/progress.ts';
import { median, seconds, sum } from './checks.ts';
import type { MirrorPlace, OriginImage, Puller, PullResult } from './ports.ts';
import type { Story } from './story.ts';

/** A round of pulls. */
export interface PullRound {
  readonly results: readonly PullResult[];
  /** What went wrong, with whom. */
  readonly failures: readonly string[];
}

/** All of them pull the image at the same time. Never rejects, but when the demo is to end. */
export async function pullAtOnce(
  story: Story,
  puller: Puller,
  places: readonly MirrorPlace[],
  image: OriginImage,
  onDone: (mirror: string) => void = () => {},
): Promise<PullRound> {
  const results: PullResult[] = [];
  const failures: string[] = [];
  await Promise.all(
    places.map(async (place) => {
      try {
        results.push(await puller.pull(place, image));
        onDone(place.name);
      } catch (error) {
        failures.push(`${place.name}: ${errorCode(error) ?? ''} ${(error as Error).message}`);
      }
    }),
  );
  story.signal.throwIfAborted();
  return { results, failures };
}

/** Size of an image, all of its objects. */
export function sizeOf({ objects }: OriginImage): number {
  return sum(objects.map(({ bytes }) => bytes));
}

/** `first after 0.4 s, half of them after 1.2 s, all after 2.0 s; 8.4 MB from the origin, 159.6 MB from peers` */
export function describeRound({ results }: PullRound): string {
  const times = results.map(({ ms }) => ms);
  const sources = (['origin', 'peer', 'cache'] as const)
    .map((source) => ({ source, bytes: sum(results.map(({ bytes }) => bytes[source])) }))
    .filter(({ bytes }) => bytes > 0)
    .map(({ source, bytes }) => `${showBytes(bytes)} from ${SOURCES[source]}`);
  return `first after ${seconds(Math.min(...times))}, half of them after ${seconds(median(times))}, all after ${seconds(Math.max(...times))}; ${sources.join(', ')}`;
}

const SOURCES = { origin: 'the origin', peer: 'peers', cache: 'their caches' } as const;

/** Keeps the figures of a round under names that begin with `prefix`. */
export function keepFigures(story: Story, prefix: string, { results }: PullRound): void {
  const times = results.map(({ ms }) => ms);
  if (times.length === 0) return;
  story.figure(`${prefix}FirstMs`, Math.min(...times));
  story.figure(`${prefix}MedianMs`, median(times));
  story.figure(`${prefix}LastMs`, Math.max(...times));
  for (const source of ['origin', 'peer', 'cache'] as const) {
    const total = sum(results.map(({ bytes }) => bytes[source]));
    story.figure(`${prefix}${source[0]?.toUpperCase()}${source.slice(1)}Bytes`, total);
  }
}
