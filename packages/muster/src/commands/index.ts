import type { CommandGroup } from '../cli/command.ts';
import { serve } from './registry-serve.ts';

/** The commands, by noun. */
export const groups: readonly CommandGroup[] = [
  {
    name: 'registry',
    summary: 'Run a registry, and look after its data.',
    commands: [serve],
  },
];
