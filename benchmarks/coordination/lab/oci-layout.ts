import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { LabImage } from './images.ts';
import { descriptorOf } from './objects.ts';

/** Writes the image as an OCI layout that holds it under the tag `latest`. */
export async function writeOciLayout(image: LabImage, folder: string): Promise<void> {
  const blobs = join(folder, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  for (const { digest, read } of image.objects) {
    const file = createWriteStream(join(blobs, digest.slice('sha256:'.length)));
    await pipeline(Readable.from(read(0)), file);
  }
  const manifest = {
    ...descriptorOf(image.root),
    annotations: { 'org.opencontainers.image.ref.name': 'latest' },
  };
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}
