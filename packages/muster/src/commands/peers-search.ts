import { EXIT_CODES, Lifecycle, silentLogger, systemTimers } from '@muster/core';
import { type CommandContext, defineCommand } from '../cli/command.ts';
import { count } from '../cli/progress.ts';
import { cell } from '../cli/table.ts';
import { streamStatus } from '../client/status-client.ts';
import { statusSettings } from '../settings/status-settings.ts';

interface Hit {
  readonly peer_id: string;
  readonly did: string;
  readonly name: string;
  readonly verified: boolean;
}

interface End {
  readonly reason: string;
  readonly hits: number;
  readonly ms: number;
}

const ENDS: Readonly<Record<string, string>> = {
  broken: 'the indexer broke off',
  refused: 'the indexer refused',
  'shutting-down': 'the node is stopping',
  limit: 'the time for one search is over',
};

export const search = defineCommand({
  name: 'search',
  summary: 'Search for peers by name, peer id or DID.',
  description:
    'Search for peers by a part of the name, by peer id or by DID. Hits are printed as they come from the indexers; the search ' +
    'ends when no more have come for a while, or on Ctrl-C.',
  arguments: [
    {
      name: 'needle',
      description: 'Part of a name (2 characters or more), peer id, or DID.',
      required: true,
    },
  ],
  settings: statusSettings,
  examples: ['peers search alpha --status 127.0.0.1:9101', 'peers search al --status-port 9101 --json'],
  run: async (context) => {
    const stopping = new AbortController();
    const lifecycle = new Lifecycle({ timers: systemTimers, logger: silentLogger });
    lifecycle.add({ name: 'search', stop: () => stopping.abort() });
    await lifecycle.start();
    const ignoreSignals = context.io.stopOnSignals(lifecycle);
    try {
      const signal = AbortSignal.any([stopping.signal, context.io.stdout.closed]);
      return await printHits(context, signal);
    } finally {
      ignoreSignals();
    }
  },
});

async function printHits(
  context: CommandContext<typeof statusSettings>,
  signal: AbortSignal,
): Promise<number> {
  const needle = encodeURIComponent(context.arguments[0] ?? '');
  let hits = 0;
  for await (const line of streamStatus(context, `/search?name=${needle}`, signal)) {
    const { hit, end } = line as { readonly hit?: Hit; readonly end?: End };
    if (hit !== undefined) {
      hits += 1;
      context.print({ event: 'hit', ...hit }, hitText(hit));
    } else if (end !== undefined) {
      if (context.json) context.print({ event: 'end', ...end }, '');
      const cause = ENDS[end.reason];
      context.note(`${count(hits, 'peer')} in ${end.ms} ms${cause === undefined ? '' : `; ${cause}`}`);
    }
  }
  return hits === 0 ? EXIT_CODES.notFound.code : EXIT_CODES.ok.code;
}

function hitText({ name, peer_id, did, verified }: Hit): string {
  const words = [name.padEnd(16), peer_id, did, ...(verified ? [] : ['not proven'])];
  return cell(words.join('  '));
}
