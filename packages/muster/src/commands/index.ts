import type { CommandGroup } from '../cli/command.ts';
import { adminToken, generate, show } from './keys.ts';
import { deregister } from './nodes-deregister.ts';
import { get } from './nodes-get.ts';
import { list } from './nodes-list.ts';
import { register } from './nodes-register.ts';
import { resolve } from './nodes-resolve.ts';
import { watch } from './nodes-watch.ts';
import { backup } from './registry-backup.ts';
import { serve } from './registry-serve.ts';
import { exportOriginal, importOriginal } from './registry-transfer.ts';
import { verify } from './registry-verify.ts';

/** The commands, by noun. */
export const groups: readonly CommandGroup[] = [
  {
    name: 'registry',
    summary: 'Run a registry, and look after its data.',
    commands: [serve, verify, backup, importOriginal, exportOriginal],
  },
  {
    name: 'nodes',
    summary: 'Register nodes with a registry, and find them.',
    commands: [register, get, list, resolve, watch, deregister],
  },
  {
    name: 'keys',
    summary: 'Make keys and tokens, and show what belongs to them.',
    commands: [generate, show, adminToken],
  },
];
