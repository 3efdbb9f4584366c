import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { silentLogger } from '@muster/core';
import { seededRandom } from '@muster/core/testing';
import type { ColdStartRequest, Resolution } from '../../src/cold-start/resolution.ts';
import { coordinationErrors } from '../../src/errors.ts';
import type { FetchSessionsParts } from '../../src/sessions/context.ts';
import { FetchSessions } from '../../src/sessions/fetch-sessions.ts';
import { ProviderOrder } from '../../src/sessions/provider-order.ts';
import { Suppressions } from '../../src/sessions/suppression.ts';
import type { CoordinationSettings } from '../../src/settings.ts';
import { PeerClient } from '../../src/transfer/outbound/peer-client.ts';
import type { ClusterNode, Provider } from '../../src/types.ts';
import { testNode, type NodeParts } from './transfer-harness.ts';

export type PeerAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** A peer of the tests: answers one request after the other as it is told, the last way for ever. */
export interface TestPeer {
  readonly provider: Provider;
  readonly requests: IncomingMessage[];
  close(): Promise<void>;
}

export async function startPeer(nodeId: string, ...answers: PeerAnswer[]): Promise<TestPeer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    response.on('error', () => {});
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(request);
    answer?.(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    provider: { nodeId, addr: `127.0.0.1:${port}` },
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Serves the bytes well, with ranges. `changes` are made to what would be sent. */
export function serving(
  bytes: Buffer,
  changes: {
    readonly cutAfter?: number;
    readonly stallAfter?: number;
    readonly ignoresRange?: boolean;
    readonly contentRange?: string;
    readonly headers?: Record<string, string>;
    readonly announced?: number;
    readonly isChunked?: boolean;
  } = {},
): PeerAnswer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const start = changes.ignoresRange === true ? 0 : from;
    const announced = changes.announced ?? bytes.length;
    const headers: Record<string, string> = { ...changes.headers };
    if (changes.isChunked !== true) headers['content-length'] = String(announced - start);
    if (start > 0)
      headers['content-range'] = changes.contentRange ?? `bytes ${start}-${announced - 1}/${announced}`;
    response.writeHead(start > 0 ? 206 : 200, headers);
    const limit = changes.cutAfter ?? changes.stallAfter;
    const body = bytes.subarray(start, limit === undefined ? undefined : start + limit);
    response.write(body, () => {
      if (changes.cutAfter !== undefined) response.destroy();
      else if (changes.stallAfter === undefined) response.end();
    });
  };
}

export function refusing(status: number, headers: Record<string, string> = {}): PeerAnswer {
  return (_request, response) => response.writeHead(status, headers).end();
}

export interface SessionHarness {
  readonly node: NodeParts;
  readonly sessions: FetchSessions;
  readonly suppression: Suppressions;
  /** Requests to the cascade; what it answers, in order. Afterwards it is exhausted. */
  readonly cascades: ColdStartRequest[];
  cascade: ((request: ColdStartRequest) => Promise<Resolution>)[];
  /** What discovery finds, lookup after lookup; the last one stays. */
  lookups: (readonly Provider[])[];
  lookupCount: number;
  readonly provided: string[];
  health: number;
  close(): Promise<void>;
}

export async function startSessions(
  options: {
    readonly nodes?: readonly ClusterNode[];
    readonly settings?: Partial<CoordinationSettings>;
    readonly budgetBytes?: number;
    readonly parts?: (node: NodeParts) => Partial<FetchSessionsParts> | Promise<Partial<FetchSessionsParts>>;
  } = {},
): Promise<SessionHarness> {
  const node = await testNode(options);
  const transfer = new PeerClient({
    clock: node.clock,
    timers: node.timers,
    options: { ...node.settings, nodeId: 'n0' },
  });
  const suppression = new Suppressions(node.clock, () => undefined);
  const harness: SessionHarness = {
    node,
    suppression,
    cascades: [],
    cascade: [],
    lookups: [[]],
    lookupCount: 0,
    provided: [],
    health: 1,
    sessions: undefined as never,
    close: async () => {
      await harness.sessions.close();
      transfer.close();
    },
  };
  const sessions = new FetchSessions({
    ...node,
    logger: silentLogger,
    random: seededRandom(3),
    options: node.settings,
    transfer,
    suppression,
    order: new ProviderOrder(),
    discovery: {
      health: () => harness.health,
      findProviders: async () =>
        harness.lookups[Math.min(harness.lookupCount++, harness.lookups.length - 1)] ?? [],
      provide: async (digest) => {
        harness.provided.push(digest);
      },
    },
    coldStart: {
      resolve: async (request) => {
        harness.cascades.push(request);
        const next = harness.cascade.shift();
        if (next === undefined) throw coordinationErrors.create('CASCADE_EXHAUSTED', 'exhausted');
        return next(request);
      },
    },
    ...(await options.parts?.(node)),
  });
  return Object.assign(harness, { sessions });
}
