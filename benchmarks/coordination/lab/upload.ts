import { request as send } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LabObject } from './objects.ts';

/** Puts an object into a registry that asks for no password, as a blob. Rejects unless the registry takes it. */
export async function uploadBlob(registry: string, repository: string, object: LabObject): Promise<void> {
  const started = await fetch(`${registry}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
  await started.body?.cancel();
  const location = started.headers.get('location');
  if (started.status !== 202 || location === null) throw new Error(`an upload: ${started.status}`);
  const url = new URL(location, registry);
  url.searchParams.set('digest', object.digest);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = send(
    url,
    {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'content-length': object.size },
    },
    (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    },
  );
  request.on('error', reject);
  await pipeline(Readable.from(object.read(0)), request);
  const status = await promise;
  if (status !== 201) throw new Error(`the registry did not take the blob: ${status}`);
}
