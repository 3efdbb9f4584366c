/** The origin of the laboratory as a process: a registry with made-up images that misbehaves as told. */

import { serveTasks } from '../../harness/child.ts';
import { factsOf, type ImageFacts, type ImagePlan, makeImage } from './images.ts';
import type { LabDigest } from './objects.ts';
import { type Fault, OriginServer, type OriginServerOptions, type OriginSummary } from './origin-server.ts';
import { streamObject } from './objects.ts';

/** Faults that can be told to another process. */
export type FaultScript = readonly (Exclude<Fault, { readonly kind: 'custom' }> | undefined)[];

let running: OriginServer | undefined;

function server(): OriginServer {
  if (running === undefined) throw new Error('the origin has not been started');
  return running;
}

async function start(options: OriginServerOptions): Promise<string> {
  running = await OriginServer.start(options);
  return running.url;
}

function addImage({ plan, tag }: { readonly plan: ImagePlan; readonly tag?: string }): ImageFacts {
  const image = makeImage(plan);
  for (const object of image.objects) server().addObject(object);
  server().tag(`lab/${image.name}`, tag ?? 'latest', image.root.digest);
  return factsOf(image);
}

function addBlob({ name, size }: { readonly name: string; readonly size: number }): LabDigest {
  const object = streamObject(name, size, 'application/octet-stream');
  server().addObject(object);
  return object.digest;
}

serveTasks(
  {
    start,
    addImage,
    addBlob,
    configure: (options: OriginServerOptions) => {
      server().options = { ...server().options, ...options };
    },
    script: ({ digest, faults }: { readonly digest: string; readonly faults: FaultScript }) =>
      server().script(digest, ...faults),
    setDown: (isDown: boolean) => server().setDown(isDown),
    summary: (): OriginSummary => server().summary(),
    reset: () => server().reset(),
  },
  () => running?.close(),
);
