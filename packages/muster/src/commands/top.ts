import { defineCommand } from '../cli/command.ts';
import { topSettings } from '../settings/top-settings.ts';

export const top = defineCommand({
  name: 'top',
  summary: 'Watch a fleet at work on the terminal.',
  description:
    'Watch a fleet at work on the whole terminal: peers, indexers with what nodes think of them and why, pulls and where they come ' +
    'from, what happens. q ends it, tab changes the pane, / filters, s sorts, arrows select. It reads the page of a fleet: that of ' +
    '`muster dev` in the folder, or the one at --page. In a pipe, or with --once, it prints what is there and ends; with --json it ' +
    'prints one line for what is there and one for each change.',
  settings: topSettings,
  examples: ['top', 'top --page http://127.0.0.1:9180/', 'top --once', 'top --json --once'],
  run: async (context) => {
    const { runTop } = await import('../top/run-top.ts');
    return await runTop(context);
  },
});
