import { listEntry } from '../model/disclosure.ts';
import { BACKBONE } from '../model/limits.ts';
import { encodeJsonText, RawJson } from '../wire/index.ts';
import { challenges, signed } from './common.ts';
import { field } from './fields.ts';
import { type Call, type Decision, defineOperation, type Demand, ListReply } from './operation.ts';
import { refuse } from './refusal.ts';

/** Most entries of one page (B-27). */
export const MAX_PAGE = 10_000;
/** Room for the frame around the entries. */
const ENVELOPE_BYTES = 256;
/** No entry is shorter: a list that can't fit is refused before it is built. */
const MIN_ENTRY_BYTES = 60;

const fields = {
  network_id: field.u16('the network; 0 lists all nodes, for admins'),
  requester_id: field.u32('a member, in strict directory mode'),
  signature: field.text("the requester's signature, in strict directory mode"),
  admin_token: field.text('an admin token with the scope `read`, for network 0'),
  limit: field.integer('entries of one page, at most 10000; pages come in ascending order of node id'),
  after: field.u32('the page begins behind this node id'),
  since_version: field.integer(
    'only what has changed since the version of an earlier reply; 0 asks for all, with a version',
  ),
};

type ListNodes = Call<typeof fields>;

/** The members of a network (spec 8.3). Without `limit` and `since_version` the body is the original's to the byte. */
export const listNodes = defineOperation<typeof fields>({
  type: 'list_nodes',
  summary: 'The members of a network: all of them, page by page, or what has changed since a version.',
  section: '7.4, 8.3',
  fields,
  auth: 'none',
  challenge: 'list_nodes:<requester_id>:<network_id> (strict directory mode)',
  breaker: 'registry.resolve',
  standby: true,
  emits: [],
  replies: {
    nodes: 'one entry a member, see section 8.3',
    next_after: 'with limit: pass it as `after` for the next page; absent on the last one',
    version: 'with since_version: pass it next time',
    since_version: 'with since_version, when `nodes` holds only what has changed',
    removed: 'with since_version: ids that are no longer members',
  },
  errors: [
    'listing backbone nodes is not permitted (use lookup with a specific node_id)',
    'network %d: network not found',
    'list_nodes denied: requester node %d is not registered',
    'node %d is not a member of network %d',
    'list too long for one message (max %d bytes): use limit and after',
  ],
  demands(call) {
    const { state, request, policy } = call;
    const { network_id: id, requester_id: requester } = request;
    const demands: Demand[] = [];
    if (id === BACKBONE) {
      if (!call.isAdmin('read')) {
        refuse('auth_admin', 'listing backbone nodes is not permitted (use lookup with a specific node_id)');
      }
    } else {
      const network = state.networks.get(id);
      if (network === undefined) return refuse('not_found', `network ${id}: network not found`);
      if (policy.strictDirectoryAuth && !call.isAdmin('read')) {
        if (state.nodes.liveSlotOf(requester) < 0) {
          refuse('denied', `list_nodes denied: requester node ${requester} is not registered`);
        }
        if (!network.has(requester)) refuse('denied', `node ${requester} is not a member of network ${id}`);
        demands.push(signed(requester, challenges.listNodes(requester, id)));
      }
    }
    if (request.limit === undefined) {
      checkSize(call);
      demands.push({ kind: 'list', network: id });
    }
    return demands;
  },
  decide(call) {
    const { state, request, lists, now } = call;
    if (!state.networks.has(request.network_id)) {
      refuse('not_found', `network ${request.network_id}: network not found`);
    }
    if (request.limit !== undefined) return page(call, request.limit);
    if (request.since_version !== undefined) return versioned(call, request.since_version);
    const body = lists.body(request.network_id, now);
    if (body.bytes + ENVELOPE_BYTES > call.policy.maxReplyBytes) tooLong(call);
    return { reply: new ListReply(body, '') };
  },
});

function tooLong(call: ListNodes): never {
  const max = call.policy.maxReplyBytes;
  return refuse('reply_too_large', `list too long for one message (max ${max} bytes): use limit and after`);
}

function checkSize(call: ListNodes): void {
  const { state, request } = call;
  const members =
    request.network_id === BACKBONE
      ? state.nodes.liveCount
      : (state.networks.get(request.network_id)?.memberCount ?? 0);
  if (members * MIN_ENTRY_BYTES > call.policy.maxReplyBytes) tooLong(call);
}

function entries(call: ListNodes, ids: readonly number[]): string {
  const { state, request, now, policy } = call;
  return ids
    .map((id) => encodeJsonText(listEntry(state, request.network_id, id, now, policy.beaconAddress)))
    .join(',');
}

function page(call: ListNodes, limit: number): Decision {
  const size = Math.min(Math.max(1, limit), MAX_PAGE);
  const ids = call.lists.sortedIds(call.request.network_id);
  const from = upperBound(ids, call.request.after);
  const taken = Array.from(ids.subarray(from, from + size));
  const last = taken.at(-1);
  const more = last !== undefined && from + size < ids.length ? `,"next_after":${last}` : '';
  return { reply: new RawJson(`{"type":"list_nodes_ok","nodes":[${entries(call, taken)}]${more}}`) };
}

/** Index of the first element greater than `value`. */
function upperBound(sorted: Uint32Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function versioned(call: ListNodes, since: number): Decision {
  const { lists, request, now } = call;
  const version = call.appliedSeq;
  const delta = since > 0 && since <= version ? lists.delta(request.network_id, since) : undefined;
  if (delta === undefined) {
    const body = lists.body(request.network_id, now);
    if (body.bytes + ENVELOPE_BYTES > call.policy.maxReplyBytes) tooLong(call);
    return { reply: new ListReply(body, `,"version":${version}`) };
  }
  const tail = `"removed":[${delta.removed.join()}],"since_version":${since},"version":${version}`;
  return { reply: new RawJson(`{"type":"list_nodes_ok","nodes":[${entries(call, delta.changed)}],${tail}}`) };
}
