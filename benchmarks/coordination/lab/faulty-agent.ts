/**
 * An agent as `muster mirror run` runs it, on a peer network with faults: `faulty-agent.ts <faults as JSON> --config <file>`.
 * Prints the same line when it runs.
 */

import type { NetworkFaults } from './faulty-network.ts';
import { runAgent } from './run-agent.ts';

const [faultsText = '{}', , configPath = ''] = process.argv.slice(2);
const stop = await runAgent(configPath, JSON.parse(faultsText) as NetworkFaults);
process.once('SIGTERM', () => void stop().then(() => process.exit(0)));
