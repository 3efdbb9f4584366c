import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { errorCode } from '@muster/core';
import { pageErrors } from './errors.ts';
import { MAX_PAGE_BYTES, MAX_PAGE_FILES } from './limits.ts';

/** One file of the page. */
export interface PageFile {
  readonly body: Buffer;
  readonly contentType: string;
  readonly etag: string;
  /** Its name changes with its content. */
  readonly isImmutable: boolean;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
};

/** A hash in front of the ending, as bundlers write it. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;

/**
 * The files of a folder by their paths in addresses (`/assets/app-1a2b3c4d.js`; `/` is index.html). They are read once: an address
 * is looked up among them and never becomes a path, so that nothing outside of the folder can be asked for. Links are not followed.
 * Undefined when the folder or its index.html is missing. Rejects PAGE_FILES.
 */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile> | undefined> {
  const files = new Map<string, PageFile>();
  let bytes = 0;
  try {
    for (const path of await filesBelow(folder)) {
      const contentType = TYPES[extname(path)];
      if (contentType === undefined) continue;
      bytes += (await stat(path)).size;
      if (files.size >= MAX_PAGE_FILES || bytes > MAX_PAGE_BYTES) {
        throw pageErrors.create('PAGE_FILES', `${folder} holds more than a page has`);
      }
      const body = await readFile(path);
      const address = `/${relative(folder, path).split(sep).join('/')}`;
      files.set(address, {
        body,
        contentType,
        etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
        isImmutable: HASHED.test(address) && !address.endsWith('.html'),
      });
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    if (errorCode(error) === 'PAGE_FILES') throw error;
    throw pageErrors.create('PAGE_FILES', `${folder} cannot be read (${errorCode(error) ?? 'unknown'})`, {
      cause: error,
    });
  }
  const index = files.get('/index.html');
  if (index === undefined) return undefined;
  files.set('/', index);
  return files;
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
