/** Says whether packets from one host to another get lost, all of them. */
export type CutRule = (from: string, to: string) => boolean;

/** A cut that is in force. */
export interface Cut {
  readonly rule: CutRule;
  readonly since: number;
}

/** The cuts of a network: partitions, one-way losses, hosts that are off. */
export class Cuts {
  readonly #cuts = new Set<Cut>();

  get isEmpty(): boolean {
    return this.#cuts.size === 0;
  }

  add(rule: CutRule, now: number): Cut {
    const cut = { rule, since: now };
    this.#cuts.add(cut);
    return cut;
  }

  remove(cut: Cut): void {
    this.#cuts.delete(cut);
  }

  isIn(cut: Cut): boolean {
    return this.#cuts.has(cut);
  }

  blocks(from: string, to: string): boolean {
    if (this.#cuts.size === 0) return false;
    for (const { rule } of this.#cuts) if (rule(from, to)) return true;
    return false;
  }
}

/** Between the groups, both ways; hosts that are in no group reach everybody. */
export function partition(...groups: readonly (readonly string[])[]): CutRule {
  const groupOf = new Map<string, number>();
  for (const [index, group] of groups.entries()) for (const host of group) groupOf.set(host, index);
  return (from, to) => {
    const a = groupOf.get(from);
    const b = groupOf.get(to);
    return a !== undefined && b !== undefined && a !== b;
  };
}

/** Everything from and to these hosts. */
export function isolation(...hosts: readonly string[]): CutRule {
  const set = new Set(hosts);
  return (from, to) => set.has(from) || set.has(to);
}

/** Between two hosts, both ways. */
export function link(a: string, b: string): CutRule {
  return (from, to) => (from === a && to === b) || (from === b && to === a);
}

/** From one of the first to one of the second, not back. */
export function oneWay(senders: readonly string[], receivers: readonly string[]): CutRule {
  const from = new Set(senders);
  const to = new Set(receivers);
  return (sender, receiver) => from.has(sender) && to.has(receiver);
}
