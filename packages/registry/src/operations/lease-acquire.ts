import type { HeldLease, StoredLease } from '../model/lease-table.ts';
import { remainingMs } from '../model/lease-table.ts';
import { challenges } from './common.ts';
import { field } from './fields.ts';
import { isRunning, LEASE_ERRORS, leaseDemands, leaseFields, requireHolder } from './leases.ts';
import { type Call, type Decision, defineOperation, type Reply } from './operation.ts';
import { refuse } from './refusal.ts';

const MIN_TTL_MS = 1_000;
const MAX_TTL_MS = 60_000;
const DEFAULT_TTL_MS = 10_000;
/** A node without a sign of life for so long is not there: three heartbeats, as they usually are sent. */
const ABSENT_SECONDS = 180;

const fields = {
  ...leaseFields,
  ttl_ms: field.integer('how long it lasts without a renewal: 1000 to 60000; 10000 when left out'),
  done_epoch: field.integer('with `done_token`: the `done` reply in spite of which the lease is wanted'),
  done_token: field.integer('see `done_epoch`'),
};

type AcquireCall = Call<typeof fields>;

/**
 * A node asks for a lease: leave to do one piece of work that nobody else does at the same time. See model/lease-table.ts for what
 * holds over crashes.
 */
export const leaseAcquire = defineOperation<typeof fields>({
  type: 'lease_acquire',
  summary:
    'Grants a lease, or tells who holds it, or who has done the work. Who holds it already gets the same lease, renewed.',
  section: 'Muster',
  fields,
  auth: 'signature',
  challenge: 'lease_acquire:<node_id>:<resource>',
  standby: false,
  emits: ['lease.granted'],
  replies: {
    state:
      '`granted`; `held`: somebody else has it; `done`: nobody has it, and its last holder has done the work',
    epoch: 'number of the reign: when the store was begun, in unix seconds',
    token: 'fencing token of the grant: a later grant has a higher one, over restarts, too',
    ttl_ms: 'with `granted`: how long it lasts from now without a renewal',
    remaining_ms: 'with `held`: how long it lasts if it is not renewed',
    holder: 'with `held` and `done`: the node',
    holder_public_key: 'the key of that node, base64',
  },
  errors: [
    ...LEASE_ERRORS,
    'invalid ttl_ms: want 1000 to 60000',
    'too many leases: %d are held',
    'too many leases: node %d holds %d',
  ],
  demands(call) {
    const { node_id: node, resource } = call.request;
    return leaseDemands(call, challenges.leaseAcquire(node, resource));
  },
  decide(call) {
    const { state, request } = call;
    requireHolder(call);
    const held = state.leases.held.get(request.resource);
    if (held !== undefined && isRunning(held, call.monotonicMs())) {
      return held.node === request.node_id ? renewed(call, held) : { reply: taken(call, held) };
    }
    const done = state.leases.done.get(request.resource);
    return done !== undefined && counts(call, done)
      ? { reply: { state: 'done', ...stampOf(call, done), ...holderOf(call, done) } }
      : granted(call, held);
  },
});

/** Whether it matters that the work was done: to others, as long as its holder is there and they have not tried in vain. */
function counts(call: AcquireCall, done: StoredLease): boolean {
  const { state, request } = call;
  if (done.node === request.node_id || !isThere(call, done.node)) return false;
  return request.done_token !== done.token || request.done_epoch !== state.leaseEpoch;
}

/** Whether the node has shown a sign of life lately, or has had no time to do so since the registry was started. */
function isThere({ state, now, monotonicMs }: AcquireCall, node: number): boolean {
  const slot = state.nodes.liveSlotOf(node);
  if (slot < 0) return false;
  if (state.leases.grantingForMs(monotonicMs()) < ABSENT_SECONDS * 1000) return true;
  return now - (state.nodes.lastSeen[slot] as number) < ABSENT_SECONDS;
}

function granted(call: AcquireCall, ended: HeldLease | undefined): Decision {
  const { state, request, now } = call;
  const { leases, limits } = state;
  const { node_id: node, resource, ttl_ms: ttlMs = DEFAULT_TTL_MS } = request;
  if (ttlMs < MIN_TTL_MS || ttlMs > MAX_TTL_MS) {
    refuse('invalid_request', `invalid ttl_ms: want ${MIN_TTL_MS} to ${MAX_TTL_MS}`);
  }
  if (ended === undefined && leases.held.size >= limits.maxLeases) {
    refuse('limit_reached', `too many leases: ${leases.held.size} are held`);
  }
  if (ended?.node !== node && leases.countOf(node) >= limits.maxLeasesPerNode) {
    refuse('limit_reached', `too many leases: node ${node} holds ${leases.countOf(node)}`);
  }
  const token = leases.lastToken + 1;
  return {
    reply: { state: 'granted', epoch: state.leaseEpoch, token, ttl_ms: ttlMs },
    events: [{ type: 'lease.granted', resource, node, token, ttlMs, at: now }],
    renews: resource,
  };
}

function renewed(call: AcquireCall, lease: HeldLease): Decision {
  return {
    reply: { state: 'granted', ...stampOf(call, lease), ttl_ms: lease.ttlMs },
    renews: lease.resource,
  };
}

function taken(call: AcquireCall, lease: HeldLease): Reply {
  const remaining = Math.ceil(remainingMs(lease, call.monotonicMs()));
  return { state: 'held', ...stampOf(call, lease), ...holderOf(call, lease), remaining_ms: remaining };
}

function stampOf({ state }: AcquireCall, { token }: StoredLease): Reply {
  return { epoch: state.leaseEpoch, token };
}

function holderOf({ state }: AcquireCall, { node }: StoredLease): Reply {
  const slot = state.nodes.slotOf(node);
  const key = slot < 0 ? undefined : state.nodes.key(slot);
  return {
    holder: node,
    holder_public_key: key === undefined ? undefined : Buffer.from(key).toString('base64'),
  };
}
