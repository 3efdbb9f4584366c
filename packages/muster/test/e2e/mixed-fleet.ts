import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClusterNode, type Digest, digestOf, topK } from '@muster/coordination';
import { type AgentSettings, MirrorFleet, until } from '../../../../benchmarks/coordination/lab/fleet.ts';
import { OriginServer } from '../../../../benchmarks/coordination/lab/origin-server.ts';
import { GoServer } from './go-programs.ts';

const READY_MS = 120_000;
const GET_MS = 90_000;

export interface MixedPlan {
  readonly folder: string;
  /** The Go program. */
  readonly program: string;
  /** How many of Muster. */
  readonly mirrors: number;
  /** Node ids of those of Go. */
  readonly nodes: readonly string[];
  readonly settings?: AgentSettings;
  /** Of the Go nodes. */
  readonly flags?: (id: string) => readonly string[];
}

/** Mirrors of Muster and nodes of Go that share a folder of members, before one origin. */
export class MixedFleet implements AsyncDisposable {
  readonly origin: OriginServer;
  readonly mirrors: MirrorFleet;
  readonly nodes: ReadonlyMap<string, GoServer>;
  readonly #plan: MixedPlan;
  #picked = 0;

  private constructor(plan: MixedPlan, parts: Pick<MixedFleet, 'origin' | 'mirrors' | 'nodes'>) {
    this.#plan = plan;
    this.origin = parts.origin;
    this.mirrors = parts.mirrors;
    this.nodes = parts.nodes;
  }

  /** Starts all; resolves when all of Muster are ready and see all. */
  static async start(plan: MixedPlan): Promise<MixedFleet> {
    const { folder, program, flags, settings = {} } = plan;
    const members = join(folder, 'members');
    await mkdir(members, { recursive: true });
    await using stack = new AsyncDisposableStack();
    const origin = stack.adopt(await OriginServer.start(), async (server) => await server.close());
    const nodes = new Map<string, GoServer>();
    for (const id of plan.nodes) {
      const args = ['node', '-id', id, '-members-folder', members, ...(flags?.(id) ?? [])];
      nodes.set(id, stack.use(await GoServer.start(program, args)));
    }
    const mirrors = stack.use(
      await MirrorFleet.start({ folder, count: plan.mirrors, origin: origin.url, settings }, READY_MS),
    );
    const fleet = new MixedFleet(plan, { origin, mirrors, nodes });
    await fleet.#seeAll();
    stack.move();
    return fleet;
  }

  /** A node of Go. */
  node(id: string): GoServer {
    const node = this.nodes.get(id);
    if (node === undefined) throw new RangeError(`no node ${id}`);
    return node;
  }

  /** All node ids. */
  get ids(): readonly string[] {
    return [...this.nodes.keys(), ...this.mirrors.agents.map(({ nodeId }) => nodeId)];
  }

  /** A text that nobody has yet, and for whose digest this node is the best. */
  pick(first: string): string {
    for (;;) {
      this.#picked += 1;
      const text = `object ${this.#picked}`;
      if (topK(viewOf(this.ids), digestOf(text), 1)[0]?.id === first) return text;
    }
  }

  /** What a client of the mirror gets. */
  async get(index: number, digest: Digest): Promise<{ status: number; digest: Digest; headers: Headers }> {
    const url = `${this.mirrors.at(index).mirror}/v2/library/thing/blobs/${digest}?ns=lab`;
    const response = await fetch(url, { signal: AbortSignal.timeout(GET_MS) });
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, digest: digestOf(body), headers: response.headers };
  }

  /** Where peers dial an agent of Muster. */
  async multiaddr(index: number): Promise<string> {
    const file = join(this.#plan.folder, 'members', `${this.mirrors.at(index).nodeId}.json`);
    const { p2p_addrs: addresses } = JSON.parse(await readFile(file, 'utf8')) as {
      readonly p2p_addrs: readonly string[];
    };
    const peer = `/p2p/${this.mirrors.at(index).peerId}`;
    const [first = ''] = addresses;
    return first.endsWith(peer) ? first : `${first}${peer}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.mirrors[Symbol.asyncDispose]();
    await Promise.all([...this.nodes.values()].map(async (node) => await node[Symbol.asyncDispose]()));
    await this.origin.close();
  }

  async #seeAll(): Promise<void> {
    const count = this.ids.length;
    for (const agent of this.mirrors.agents) {
      const isOpen = async (): Promise<boolean> => (await fetch(`${agent.mirror}/v2/`)).ok;
      await until(isOpen, READY_MS, `${agent.name} does not let clients in`);
      const sees = async (): Promise<boolean> =>
        (await agent.metrics()).sum('gantry_members', { view: 'ready' }) >= count;
      await until(sees, READY_MS, `${agent.name} does not see the nodes of Go`);
    }
    const names = JSON.stringify(this.ids.toSorted());
    for (const [id, node] of this.nodes) {
      const sees = (): boolean =>
        node.observed({ event: 'members' }).some(({ nodes }) => JSON.stringify(nodes) === names);
      await until(sees, READY_MS, `${id} does not see the others`);
    }
  }
}

/** A view with these node ids. */
export function viewOf(ids: readonly string[]): readonly ClusterNode[] {
  return ids.map((id) => ({ id, addr: '', zone: '', peerId: '', p2pAddrs: [] }));
}
