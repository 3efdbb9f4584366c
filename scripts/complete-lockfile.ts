/**
 * Adds to package-lock.json the programs of other platforms that npm left out.
 *
 * Tools such as oxlint come with one optional package per platform. Where the registry in use does not carry them all,
 * `npm install` silently leaves the missing ones out of the lockfile, and then `npm ci` refuses it everywhere. Such a
 * package is never fetched where its platform does not match, so its version and platform are all that is needed.
 * Run it after `npm install` changed the lockfile; `npm run lint` says when.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { completeLockfile } from './lockfile/complete.ts';
import { root } from './packages.ts';

const path = join(root, 'package-lock.json');
const { text, added } = completeLockfile(readFileSync(path, 'utf8'));
writeFileSync(path, text);
console.log(added.length === 0 ? 'package-lock.json is complete' : `added ${added.join(', ')}`);
