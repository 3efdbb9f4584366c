import { errorCode, EXIT_CODES, Lifecycle, parseDuration, silentLogger, systemTimers } from '@muster/core';
import type { NodeChange } from '@muster/client';
import { type CommandContext, defineCommand } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { cell } from '../cli/table.ts';
import { optionalCaller, withClient } from '../client/connect.ts';
import { nodeJson } from '../client/show-node.ts';
import { clientSettings } from '../settings/client-settings.ts';
import { NETWORK_OPERAND, networkOf } from './network-operand.ts';

const DEFAULT_INTERVAL_MS = 2000;

export const watch = defineCommand({
  name: 'watch',
  summary: 'Tell who comes, who goes, and what changes.',
  description:
    'Tell who is there, then who comes, who goes, and what changes, one line each, until it is stopped. It lives through ' +
    'restarts of the registry.',
  settings: clientSettings,
  operands: [
    NETWORK_OPERAND,
    {
      name: 'interval',
      value: 'duration',
      description: 'How often to ask. (default: 2s)',
      check: (value) => ((parseDuration(value) ?? 0) > 0 ? undefined : 'not a duration, such as 500ms or 5s'),
    },
  ],
  examples: ['nodes watch --network 3', 'nodes watch --admin-token-file muster-data/admin-token --json'],
  run: async (context) => {
    const network = networkOf(context);
    const caller = await optionalCaller(context);
    const stopping = new AbortController();
    const lifecycle = new Lifecycle({ timers: systemTimers, logger: silentLogger });
    lifecycle.add({ name: 'watch', stop: () => stopping.abort() });
    await lifecycle.start();
    const ignoreSignals = context.io.stopOnSignals(lifecycle);
    try {
      await withClient(context, caller, async (client) => {
        const changes = client.watch(network, {
          ...reporters(context),
          signal: AbortSignal.any([stopping.signal, context.io.stdout.closed]),
          intervalMs: parseDuration(context.operands['interval'] ?? '') ?? DEFAULT_INTERVAL_MS,
        });
        for await (const change of changes) printChange(context, change);
      });
    } catch (error) {
      // A request that was under way when it was stopped.
      if (!stopping.signal.aborted || errorCode(error) !== 'ABORTED') throw error;
    } finally {
      ignoreSignals();
    }
    return EXIT_CODES.ok.code;
  },
});

type Context = CommandContext<typeof clientSettings>;

/** Tells once that everybody who is there has been named, and of failures that it survives. */
function reporters(context: Context): {
  onPoll: (poll: { readonly nodeCount: number }) => void;
  onError: (error: Error) => void;
} {
  let synchronized = false;
  return {
    onPoll({ nodeCount }) {
      if (synchronized) return;
      synchronized = true;
      if (context.json) context.print({ event: 'synchronized', nodes: nodeCount }, '');
      else context.note(`${count(nodeCount, 'node')} now; waiting for changes. Ctrl-C ends it.`);
    },
    onError(error) {
      if (context.json) {
        context.print({ event: 'interrupted', code: errorCode(error), message: error.message }, '');
      } else context.note(`${error.message}; trying again`);
    },
  };
}

function printChange(context: Context, change: NodeChange): void {
  const { kind, node } = change;
  const details =
    node.state === 'offline' ? ['offline'] : [node.hostname ?? '', node.visibility, node.realAddress ?? ''];
  const words = [
    kind.padEnd(7),
    String(node.nodeId).padStart(6),
    node.address,
    ...details.filter((word) => word !== ''),
  ];
  const initial = change.kind === 'joined' ? { initial: change.initial } : {};
  context.print({ event: kind, ...initial, node: nodeJson(node) }, cell(words.join('  ')));
}
