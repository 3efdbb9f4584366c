/** Asks the monitoring listener of an agent. */
import { errorCode } from '@muster/core';
import { cliErrors } from '../cli/cli-errors.ts';
import { localAddress, parseAddress } from '../settings/address.ts';

export interface OpsPlace {
  readonly ops: string;
  readonly timeoutMs: number;
}

/** What `/debug/state` tells, as far as it is shown. */
export interface AgentState {
  readonly version: string;
  readonly node: string;
  readonly peerId: string;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly reason?: string;
  readonly warning?: string;
  readonly listeners: { readonly mirror: string; readonly transfer: string; readonly metrics: string };
  readonly registries: readonly string[];
  readonly members: {
    readonly running: number;
    readonly snapshot: readonly {
      readonly id: string;
      readonly addr: string;
      readonly zone: string;
      readonly peerId: string;
    }[];
    readonly bootstrap: readonly string[];
  };
  readonly discovery: {
    readonly health: number;
    readonly routingTableSize: number;
    readonly routingTableTarget: number;
    readonly advertised: number;
    readonly toAdvertise: number;
  };
  readonly store: { readonly objects: number; readonly usedBytes: number; readonly budgetBytes: number };
  readonly sessions: readonly {
    readonly digest: string;
    readonly kind: string;
    readonly state: string;
    readonly source: string;
    readonly readers: number;
  }[];
  readonly inFlight: readonly {
    readonly digest: string;
    readonly progressBytes: number;
    readonly totalBytes?: number;
  }[];
  readonly negative: { readonly cooling: number };
  readonly object?: object;
}

/** Rejects MIRROR_UNREACHABLE, MIRROR_REFUSED. */
export async function agentState(place: OpsPlace, digest?: string): Promise<AgentState> {
  const query = digest === undefined ? '' : `?digest=${encodeURIComponent(digest)}`;
  const text = await ask(place, `/debug/state${query}`);
  try {
    return JSON.parse(text) as AgentState;
  } catch (cause) {
    throw cliErrors.create('MIRROR_REFUSED', `what answers at ${addressOf(place)} is no mirror of Muster`, {
      cause,
    });
  }
}

/** The values of the metrics by their names with labels. Rejects as {@link agentState}. */
export async function agentMetrics(place: OpsPlace): Promise<ReadonlyMap<string, number>> {
  const lines = (await ask(place, '/metrics'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))];
    }),
  );
}

/** The sum of all series of a name whose labels are these. */
export function sumOf(
  metrics: ReadonlyMap<string, number>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  let sum = 0;
  for (const [series, value] of metrics) {
    const isNamed = series === name || series.startsWith(`${name}{`);
    if (isNamed && wanted.every((label) => series.includes(label))) sum += value;
  }
  return sum;
}

function addressOf({ ops }: OpsPlace): string {
  const address = parseAddress(ops);
  return address === undefined ? ops : localAddress(address);
}

async function ask(place: OpsPlace, path: string): Promise<string> {
  const address = addressOf(place);
  let response: Response;
  try {
    response = await fetch(`http://${address}${path}`, {
      signal: AbortSignal.timeout(place.timeoutMs),
      redirect: 'error',
    });
  } catch (cause) {
    const isSlow = cause instanceof Error && cause.name === 'TimeoutError';
    const reason = isSlow
      ? 'no answer in time'
      : (errorCode((cause as Error).cause) ?? 'the connection ended');
    throw cliErrors.create('MIRROR_UNREACHABLE', `no mirror answers at ${address} (${reason})`, {
      hint: 'Start one with `muster mirror run`, or give the monitoring address of its banner: --ops 127.0.0.1:<port>.',
      cause,
    });
  }
  const text = await response.text();
  if (response.ok) return text;
  throw cliErrors.create(
    'MIRROR_REFUSED',
    `${address}${path} answers ${response.status}: ${text.slice(0, 200)}`,
    response.status === 404
      ? { hint: 'Is it the monitoring address? The banner of the mirror shows it: --ops 127.0.0.1:<port>.' }
      : {},
  );
}
