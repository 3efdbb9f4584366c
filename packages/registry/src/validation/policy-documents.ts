/**
 * Policy documents derived from the rules of a managed network and from its allowed ports, as daemons evaluate them
 * (spec section 6.4). The texts are those of the original, byte for byte.
 */
import type { NetworkRules } from './rules.ts';

/** The policy document for the rules of a managed network. */
export function policyFromRules(rules: NetworkRules): string {
  const { cycle, grace, links, prune, prune_by, fill, fill_how } = rules;
  return JSON.stringify({
    version: 1,
    config: { cycle, ...(grace === '' ? {} : { grace }), max_peers: links },
    rules: [
      {
        name: 'cycle-prune-fill',
        on: 'cycle',
        match: 'true',
        actions: [
          { type: 'prune', params: { by: prune_by, count: prune } },
          { type: 'fill', params: { count: fill, how: fill_how } },
        ],
      },
    ],
  });
}

const PORT_EVENTS = [
  ['', 'connect'],
  ['-dg', 'datagram'],
  ['-dial', 'dial'],
] as const;

/** The policy document that allows only these ports; empty text for an empty list, which allows all. */
export function policyFromPorts(ports: readonly number[]): string {
  if (ports.length === 0) return '';
  const rulesFor = (name: string, match: string, type: string): object[] =>
    PORT_EVENTS.map(([suffix, on]) => ({ name: name + suffix, on, match, actions: [{ type }] }));
  return JSON.stringify({
    version: 1,
    rules: [
      ...rulesFor('allow-ports', `port in [${ports.join(', ')}]`, 'allow'),
      ...rulesFor('deny-rest', 'true', 'deny'),
    ],
  });
}
