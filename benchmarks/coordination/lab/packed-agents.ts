/**
 * Several agents in one process: `packed-agents.ts <configuration files>`. Prints for each, in their order, the line that
 * `muster mirror run --json` prints. Their program is loaded and compiled once, as it is on each of as many machines.
 */

import { runAgent } from './run-agent.ts';

const stops: (() => Promise<void>)[] = [];
process.once(
  'SIGTERM',
  () => void Promise.all(stops.map(async (stop) => stop())).then(() => process.exit(0)),
);
for (const configPath of process.argv.slice(2)) stops.push(await runAgent(configPath));
