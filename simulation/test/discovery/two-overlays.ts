import type { AddrInfo } from '@muster/discovery';
import { SimKeyring } from '../../discovery/crypto.ts';
import { SimOverlay } from '../../discovery/sim-overlay.ts';
import { Simulation } from '../../kernel/index.ts';
import { SimNetwork, type SimNetworkOptions } from '../../network/index.ts';

/** A network with some started overlays, and no daemons. */
export async function overlays(
  count: number,
  options: SimNetworkOptions & { readonly seed?: number } = {},
): Promise<{
  readonly sim: Simulation;
  readonly network: SimNetwork;
  readonly nodes: readonly SimOverlay[];
  node(index: number): SimOverlay;
  info(index: number): AddrInfo;
}> {
  const sim = new Simulation({ seed: options.seed ?? 1 });
  const network = new SimNetwork(sim, { jitterMs: 0, ...options });
  const keyring = new SimKeyring();
  const nodes: SimOverlay[] = [];
  for (let i = 0; i < count; i++) {
    const crypto = keyring.create(sim.random.fork(`key ${i}`));
    const addresses = [`/ip4/20.0.${i >> 8}.${i & 255}/tcp/4001`];
    const overlay = new SimOverlay({ network, process: sim.process(`n${i}`), peer: crypto.self, addresses });
    await overlay.start();
    nodes.push(overlay);
  }
  const node = (index: number): SimOverlay => nodes[index] as SimOverlay;
  const info = (index: number): AddrInfo => ({ ID: node(index).self, Addrs: node(index).addresses() });
  return { sim, network, nodes, node, info };
}

/** What a promise came to, once the simulation has run; undefined while it is pending. */
export function outcomeOf<T>(promise: Promise<T>): { value?: T; error?: unknown; at?: number } {
  const outcome: { value?: T; error?: unknown } = {};
  promise.then(
    (value) => void (outcome.value = value),
    (error: unknown) => void (outcome.error = error),
  );
  return outcome;
}
