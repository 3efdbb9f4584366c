import type { SubnetDiversity } from '../settings.ts';
import type { AddrInfo } from '../wire/messages.ts';
import { subnetOf } from '../wire/addresses.ts';

export interface DiversityOptions {
  readonly mode: SubnetDiversity;
  readonly maxPool: number;
  /** Addresses of what the pool holds already. */
  readonly pool: readonly (readonly string[])[];
}

/**
 * Picks up to `want` of the candidates, in their order, by the rule of subnets (14.7): `strict` takes one of a subnet,
 * `off` the first ones. `soft` takes one of a subnet first and fills up with the rest, but never gives a single subnet
 * more than half of the pool while another subnet is on offer (F:31). Who has no subnet never conflicts.
 */
export function pickDiverse<T extends AddrInfo>(
  candidates: readonly T[],
  want: number,
  options: DiversityOptions,
): readonly T[] {
  if (options.mode === 'off') return candidates.slice(0, Math.max(0, want));
  const picked: T[] = [];
  const seen = new Set<string>();
  for (const candidate of candidates) {
    const subnet = subnetOf(candidate.Addrs);
    if (picked.length >= want) break;
    if (subnet !== undefined && seen.has(subnet)) continue;
    if (subnet !== undefined) seen.add(subnet);
    picked.push(candidate);
  }
  if (options.mode === 'strict' || picked.length >= want) return capSubnets(picked, candidates, options);
  const rest = candidates.filter((candidate) => !picked.includes(candidate));
  return capSubnets([...picked, ...rest], candidates, options).slice(0, Math.max(0, want));
}

/** Drops those that would give their subnet more than half of the pool, unless nothing else is on offer. */
function capSubnets<T extends AddrInfo>(
  picked: readonly T[],
  candidates: readonly T[],
  { mode, maxPool, pool }: DiversityOptions,
): readonly T[] {
  if (mode !== 'soft') return picked;
  const onOffer = new Set(candidates.map(({ Addrs }) => subnetOf(Addrs)));
  const held = new Map<string, number>();
  for (const addresses of pool) count(held, subnetOf(addresses));
  // What the pool holds is an alternative too: else one answer full of one subnet would pass as "nothing else on offer".
  const isAlternative = (subnet: string): boolean =>
    [...onOffer, ...held.keys()].some((other) => other !== subnet);
  // Half, rounded down: with a pool of five, three of one subnet would be the majority (M-12).
  const most = Math.max(1, Math.floor(maxPool / 2));
  return picked.filter(({ Addrs }) => {
    const subnet = subnetOf(Addrs);
    if (subnet !== undefined && (held.get(subnet) ?? 0) >= most && isAlternative(subnet)) return false;
    count(held, subnet);
    return true;
  });
}

function count(counts: Map<string, number>, subnet: string | undefined): void {
  if (subnet !== undefined) counts.set(subnet, (counts.get(subnet) ?? 0) + 1);
}
