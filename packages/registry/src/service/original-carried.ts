/*
 * The parts of the original's store that belong to operations which this version does not have. They are kept in
 * `Directory.carried`, as JSON, under the names of the file, and given back by an export:
 *
 * | name | content |
 * |---|---|
 * | `handshake_inbox`, `handshake_responses`, `invite_inbox` | as in the file |
 * | `total_requests`, `start_time`, `restart_events`, `downtime_intervals`, `last_heartbeat`, `probe_states`, `hourly_history`, `daily_history`, `net_hourly_history`, `net_daily_history` | as in the file |
 * | `audit_log`, `audit_export_config`, `rbac_pre_assign`, `term` | as in the file |
 * | `request_counts` | `request_count` of the networks, by id |
 * | `unknown_members`, `network_unknown_members` | members that the format does not know: of the file, and by network id |
 * | `as_written` | literal forms that mean nothing here, such as a `null` list: {@link AsWritten} |
 *
 * `audit_export_config` holds a credential for another service, which is of use only in clear.
 */
import { objectItem, readList } from '../original/field-lists.ts';
import { readMember, writeObject } from '../original/fields.ts';
import type { Codec, ReadContext, WriteContext } from '../original/fields.ts';
import { snapshotStyle } from '../original/json-text.ts';
import {
  handshakeRequestCodec,
  handshakeResponseCodec,
  inviteCodec,
  networkCodec,
  storeCodec,
  tailFields,
} from '../original/schema.ts';
import { OriginalWarnings } from '../original/index.ts';
import type { JsonValue, Kept, OriginalNetwork, OriginalStore } from '../original/index.ts';
import type { TransferNotes } from './original-notes.ts';

type Members = Readonly<Record<string, JsonValue>>;

/** Literal forms by id; the writer uses one only as long as it still means what the member holds. */
export interface AsWritten {
  /** Of nodes, only `public_key`, where it is unreadable. */
  readonly nodes?: Readonly<Record<string, Members>>;
  readonly networks?: Readonly<Record<string, Members>>;
  readonly policies?: Readonly<Record<string, Members>>;
  readonly rules?: Readonly<Record<string, Members>>;
}

/** The store's own members, which are not carried: an export counts anew, or has them from the state. */
const notCarried = new Set([
  'total_nodes',
  'online_nodes',
  'trust_links',
  'unique_tags',
  'task_executors',
  'idp_config',
]);

function writing(notes: TransferNotes): WriteContext {
  return {
    style: snapshotStyle,
    leftOut: (_pattern, example) => notes.add('UNKNOWN_MEMBER_DROPPED', example),
  };
}

/** A context for members that were written by {@link carriedSections}. */
function reading(): ReadContext {
  return { warnings: new OriginalWarnings(), reportedUnknown: new Set() };
}

/** The sections of a store that are kept for the way back. */
export function carriedSections(store: OriginalStore, notes: TransferNotes): Record<string, JsonValue> {
  const context = writing(notes);
  const carried: Record<string, JsonValue> = {};
  const carry = (name: string, value: Members): void => {
    if (Object.keys(value).length > 0) carried[name] = value;
  };
  carry('handshake_inbox', inbox('handshake_inbox', store.handshakeInbox, handshakeRequestCodec, context));
  carry(
    'handshake_responses',
    inbox('handshake_responses', store.handshakeResponses, handshakeResponseCodec, context),
  );
  carry('invite_inbox', inbox('invite_inbox', store.inviteInbox, inviteCodec, context));
  for (const field of tailFields) {
    if (notCarried.has(field.json)) continue;
    const text = field.write(store, '', context);
    if (text !== undefined) carried[field.json] = JSON.parse(text) as JsonValue;
  }
  for (const name of store.idpConfig?.unknown?.keys() ?? []) {
    notes.add('UNKNOWN_MEMBER_DROPPED', `idp_config.${name}`);
  }
  carry(
    'unknown_members',
    Object.fromEntries([...(store.unknown ?? []), ...(store.statistics.unknown ?? [])]),
  );
  const networks = [...store.networks.values()];
  carry(
    'network_unknown_members',
    byNetwork(networks, ({ unknown }) => fromMap(unknown)),
  );
  carry(
    'request_counts',
    byNetwork(networks, ({ requestCount }) => requestCount || undefined),
  );
  for (const { id, policy, rules } of networks) {
    for (const name of policy?.unknown?.keys() ?? []) {
      notes.add('UNKNOWN_MEMBER_DROPPED', `networks.${id}.policy.${name}`);
    }
    for (const name of rules?.unknown?.keys() ?? []) {
      notes.add('UNKNOWN_MEMBER_DROPPED', `networks.${id}.rules.${name}`);
    }
  }
  carry('as_written', asWrittenOf(store, networks));
  return carried;
}

/** Puts what is carried into a store on its way out. Names that are not of the original are left alone. */
export function restoreCarried(
  carried: Readonly<Record<string, unknown>>,
  store: Omit<OriginalStore, 'nodes' | 'networks'>,
): void {
  const context = reading();
  const target = store as OriginalStore;
  store.handshakeInbox = restoreInbox(carried['handshake_inbox'], handshakeRequestCodec, context);
  store.handshakeResponses = restoreInbox(carried['handshake_responses'], handshakeResponseCodec, context);
  store.inviteInbox = restoreInbox(carried['invite_inbox'], inviteCodec, context);
  for (const { json } of tailFields) {
    const value = carried[json];
    if (value !== undefined) readMember(storeCodec, target, json, value as JsonValue, '', context);
  }
  const unknown = carried['unknown_members'];
  if (unknown !== undefined) store.unknown = new Map(Object.entries(unknown as Members));
}

/** What is carried of networks and nodes, for the tables of an export. */
export class CarriedDetails {
  readonly #counts: Readonly<Record<string, number>>;
  readonly #unknown: Readonly<Record<string, Members>>;
  readonly #asWritten: AsWritten;

  constructor(carried: Readonly<Record<string, unknown>>) {
    this.#counts = (carried['request_counts'] ?? {}) as Record<string, number>;
    this.#unknown = (carried['network_unknown_members'] ?? {}) as Record<string, Members>;
    this.#asWritten = (carried['as_written'] ?? {}) as AsWritten;
  }

  /** Completes a network that was made from the state. */
  complete(network: OriginalNetwork): void {
    const id = String(network.id);
    const { networks, policies, rules } = this.#asWritten;
    const unknown = this.#unknown[id];
    network.requestCount += this.#counts[id] ?? 0;
    if (unknown !== undefined) network.unknown = new Map(Object.entries(unknown));
    if (networks?.[id] !== undefined) network.asWritten = { ...networks[id] };
    if (network.policy !== undefined && policies?.[id] !== undefined) {
      network.policy.asWritten = { ...policies[id] };
    }
    if (network.rules !== undefined && rules?.[id] !== undefined) network.rules.asWritten = { ...rules[id] };
  }

  /** The unreadable text that stands for a node's key in the file. */
  keyText(nodeId: number): JsonValue | undefined {
    return this.#asWritten.nodes?.[nodeId]?.['public_key'];
  }
}

/** Rules of a network as JSON text, as the operations keep them. */
export function rulesText(network: OriginalNetwork): string | undefined {
  return networkCodec.byName
    .get('rules')
    ?.write(network, '', { style: snapshotStyle, leftOut: () => undefined });
}

/** Puts rules that are JSON text into a network. */
export function readRulesText(network: OriginalNetwork, text: string): void {
  readMember(networkCodec, network, 'rules', JSON.parse(text) as JsonValue, '', reading());
}

function inbox<V extends Kept>(
  name: string,
  entries: ReadonlyMap<number, V[]>,
  codec: Codec<V>,
  context: WriteContext,
): Members {
  const values: Record<string, JsonValue> = {};
  for (const [id, messages] of entries) {
    values[id] = messages.map(
      (message, index) =>
        JSON.parse(writeObject(codec, message, `${name}.${id}.${index}`, context)) as JsonValue,
    );
  }
  return values;
}

function restoreInbox<V extends Kept>(
  value: unknown,
  codec: Codec<V>,
  context: ReadContext,
): Map<number, V[]> {
  const item = objectItem(codec);
  const entries = Object.entries((value ?? {}) as Members);
  return new Map(entries.map(([id, messages]) => [Number(id), readList(item, messages, id, context)]));
}

function byNetwork(
  networks: readonly OriginalNetwork[],
  pick: (network: OriginalNetwork) => JsonValue | undefined,
): Members {
  const values: Record<string, JsonValue> = {};
  for (const network of networks) {
    const value = pick(network);
    if (value !== undefined) values[network.id] = value;
  }
  return values;
}

function fromMap(members: ReadonlyMap<string, JsonValue> | undefined): Members | undefined {
  return members === undefined ? undefined : Object.fromEntries(members);
}

function asWrittenOf(store: OriginalStore, networks: readonly OriginalNetwork[]): Members {
  const nodes: Record<string, Members> = {};
  for (const { id, publicKey, asWritten } of store.nodes.values()) {
    const text = asWritten?.['public_key'];
    if (publicKey === undefined && typeof text === 'string') nodes[id] = { public_key: text };
  }
  const kinds: Record<string, Members> = {
    nodes,
    networks: byNetwork(networks, ({ asWritten }) => asWritten),
    policies: byNetwork(networks, ({ policy }) => policy?.asWritten),
    rules: byNetwork(networks, ({ rules }) => rules?.asWritten),
  };
  return Object.fromEntries(Object.entries(kinds).filter(([, values]) => Object.keys(values).length > 0));
}
