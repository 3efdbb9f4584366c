import type { CommandContext } from '../cli/command.ts';
import { count, showBytes } from '../cli/progress.ts';
import { table } from '../cli/table.ts';
import { localAddress, parseAddress } from '../settings/address.ts';
import type { pullSettings } from '../settings/pull-settings.ts';
import { NOWHERE, openLayout } from './oci-layout.ts';
import { type PulledImage, pullImage, type PulledObject } from './pull-image.ts';
import { formatReference, parseReference, type Reference } from './reference.ts';
import { placesOf } from './pull-places.ts';
import { type OriginPlace, resolveTag } from './resolve-tag.ts';

const ARCHITECTURES: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'amd64',
  ia32: '386',
};

/** Pulls what the command was given. */
export async function runPull(context: CommandContext<typeof pullSettings>): Promise<undefined> {
  const { values, progress } = context;
  const reference = parseReference(context.arguments[0] ?? '');
  const signal = AbortSignal.timeout(values.timeoutMs);
  const places = await placesOf(reference, context);
  const digest = reference.digest ?? (await resolved(reference, places, signal));
  const address = parseAddress(places.mirror);
  const startedAt = performance.now();
  const image = await pullImage({
    mirror: address === undefined ? places.mirror : localAddress(address),
    registry: reference.registry,
    repository: reference.repository,
    digest,
    platform: values.allPlatforms ? undefined : (values.platform ?? ownPlatform()),
    parallel: values.parallel,
    target: values.output === undefined ? NOWHERE : await openLayout(values.output),
    onProgress: ({ objects, objectsDone, bytes, totalBytes }) =>
      progress.update(`${objectsDone}/${objects} objects, ${showBytes(bytes)} of ${showBytes(totalBytes)}`),
    signal,
  });
  progress.end();
  await finish(context, reference, image);
  report(context, reference, digest, image, performance.now() - startedAt);
  return undefined;
}

async function resolved(
  reference: Reference,
  origin: OriginPlace,
  signal: AbortSignal,
): ReturnType<typeof resolveTag> {
  return await resolveTag({ ...reference, tag: reference.tag ?? 'latest' }, origin, signal);
}

async function finish(
  { values }: CommandContext<typeof pullSettings>,
  reference: Reference,
  { root }: PulledImage,
): Promise<void> {
  if (values.output === undefined) return;
  const target = await openLayout(values.output);
  const { digest, size, mediaType } = root;
  await target.finish({ digest, size, mediaType, reference: reference.tag ?? digest });
}

function report(
  context: CommandContext<typeof pullSettings>,
  reference: Reference,
  digest: `sha256:${string}`,
  image: PulledImage,
  ms: number,
): void {
  const name = formatReference(reference, digest);
  const bytes = image.objects.reduce((sum, { size }) => sum + size, 0);
  const bySource = bytesBySource(image.objects);
  const { output } = context.values;
  const sources = [...bySource].map(([source, amount]) => `${showBytes(amount)} ${SOURCE_TEXTS[source]}`);
  context.print(
    {
      reference: name,
      root: image.root.digest,
      output: output ?? null,
      bytes,
      ms: Math.round(ms),
      bytesBySource: Object.fromEntries(bySource),
      objects: image.objects.map((object) => ({ ...object, ms: Math.round(object.ms) })),
    },
    [
      objectTable(image.objects),
      `${name}\n${count(image.objects.length, 'object')}, ${showBytes(bytes)}, ${(ms / 1_000).toFixed(1)} s: ${sources.join(', ')}`,
      output === undefined
        ? 'All of it matched its digests; nothing was kept (--output keeps it).'
        : `Written to ${output}`,
    ].join('\n\n'),
  );
}

const SOURCE_TEXTS: Readonly<Record<PulledObject['source'], string>> = {
  cache: 'from the cache of this node',
  peer: 'from other nodes',
  origin: 'from the registry',
  present: 'there before',
  unknown: 'from the mirror',
};

function bytesBySource(objects: readonly PulledObject[]): ReadonlyMap<PulledObject['source'], number> {
  const bytes = new Map<PulledObject['source'], number>();
  for (const { source, size } of objects) bytes.set(source, (bytes.get(source) ?? 0) + size);
  return bytes;
}

function objectTable(objects: readonly PulledObject[]): string {
  const rows = objects.map(({ kind, digest, size, source, ms }) => [
    kind === 'blob' ? 'layer' : kind,
    digest.slice(0, 19),
    showBytes(size),
    source,
    `${Math.round(ms)} ms`,
  ]);
  return table(['Object', 'Digest', 'Size', 'From', 'Time'], rows);
}

function ownPlatform(): string {
  return `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
}
