/** skopeo as the client: nothing about it is changed but its registries.conf. */

import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { digestOfBytes } from './objects.ts';

const run = promisify(execFile);
const LIMIT_MS = 240_000;

/** How a copy went. */
export interface CopyRun {
  readonly ok: boolean;
  /** What skopeo said. */
  readonly text: string;
  readonly ms: number;
}

/** Pushes the image of an OCI layout, as it is. `to` is `host:port/repository:tag`. */
export async function pushLayout(
  layout: string,
  to: string,
  login?: { readonly user: string; readonly password: string },
): Promise<void> {
  const credentials = login === undefined ? [] : [`--dest-creds=${login.user}:${login.password}`];
  const options = ['--all', '--preserve-digests', '--dest-tls-verify=false', ...credentials];
  const policy = ['--insecure-policy'];
  await run('skopeo', [...policy, 'copy', ...options, `oci:${layout}:latest`, `docker://${to}`], {
    timeout: LIMIT_MS,
  });
}

export interface SkopeoOptions {
  /** A folder of its own. */
  readonly home: string;
  /** `host:port` of the registry that images are named after. */
  readonly registry: string;
  /** `host:port` of the mirror. */
  readonly mirror: string;
  /** The mirror stands for the registry: nothing else is ever asked. @default false */
  readonly isStrict?: boolean;
}

/** A machine whose images come through a mirror. */
export class Skopeo {
  readonly #options: SkopeoOptions;

  private constructor(options: SkopeoOptions) {
    this.#options = options;
  }

  static async make(options: SkopeoOptions): Promise<Skopeo> {
    const { home, registry, mirror, isStrict = false } = options;
    const folder = join(home, '.config', 'containers');
    await mkdir(folder, { recursive: true });
    const config = [
      '[[registry]]',
      `prefix = "${registry}"`,
      `location = "${isStrict ? mirror : registry}"`,
      'insecure = true',
      ...(isStrict ? [] : ['[[registry.mirror]]', `location = "${mirror}"`, 'insecure = true']),
    ];
    await writeFile(join(folder, 'registries.conf'), `${config.join('\n')}\n`);
    await writeFile(join(folder, 'policy.json'), '{"default":[{"type":"insecureAcceptAnything"}]}');
    return new Skopeo(options);
  }

  /** Where the last copy is. */
  get folder(): string {
    return join(this.#options.home, 'image');
  }

  /** Copies `repository@digest` or `repository:tag` of the registry into a fresh folder. */
  async copy(reference: string): Promise<CopyRun> {
    const { home, registry } = this.#options;
    await rm(this.folder, { recursive: true, force: true });
    const startedAt = performance.now();
    const args = ['copy', '--all', `docker://${registry}/${reference}`, `dir:${this.folder}`];
    const options = { timeout: LIMIT_MS, env: { PATH: process.env['PATH'] ?? '', HOME: home } };
    const result = await run('skopeo', args, options).then(
      ({ stdout, stderr }) => ({ ok: true, text: `${stdout}${stderr}` }),
      (error: { stderr?: string; message: string }) => ({ ok: false, text: error.stderr ?? error.message }),
    );
    return { ...result, ms: performance.now() - startedAt };
  }

  /** Whether the copy has this object, with the bytes that the digest names. */
  async hasObject(digest: string, isRoot: boolean): Promise<boolean> {
    const name = isRoot ? 'manifest.json' : digest.slice('sha256:'.length);
    const bytes = await readFile(join(this.folder, name)).catch(() => undefined);
    return bytes !== undefined && digestOfBytes(bytes) === digest;
  }
}
