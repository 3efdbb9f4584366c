import { Type } from 'typebox';
import { MAX_BREAKER_REASON_LENGTH } from '../breakers/index.ts';
import { MAX_WHITELIST_ENTRIES } from '../admission/index.ts';

/** Requests and replies of the HTTP interface (spec section 14). The interface description is made from them. */

export const ErrorReply = Type.Object(
  { error: Type.String(), code: Type.String() },
  { description: 'What went wrong: a text for people and a stable code.' },
);

/** How routes behind the admin token say so in the interface description. */
export const ADMIN_SECURITY = [{ adminToken: [] }];
export const ADMIN_ERRORS = { 401: ErrorReply, 403: ErrorReply };
export const CHANGE_ERRORS = { ...ADMIN_ERRORS, 400: ErrorReply, 404: ErrorReply, 500: ErrorReply };

const Timestamp = Type.String({ description: 'RFC 3339, UTC' });
const OptionalTimestamp = Type.Union([Timestamp, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

export const HealthzReply = Type.Object({
  status: Type.Union([
    Type.Literal('starting'),
    Type.Literal('ok'),
    Type.Literal('stopping'),
    Type.Literal('failed'),
  ]),
  version: Type.String({ description: 'of this interface' }),
  server_version: Type.String(),
  uptime_seconds: Count,
  nodes_online: Count,
});

export const ReadyzReply = Type.Object({ ready: Type.Boolean(), reason: Type.Optional(Type.String()) });

export const BreakerReply = Type.Object({
  name: Type.String(),
  state: Type.Union([Type.Literal('closed'), Type.Literal('half_open'), Type.Literal('open')]),
  reason: Type.String(),
  updated_at: OptionalTimestamp,
  allowed_total: Count,
  denied_total: Count,
  last_denied_at: OptionalTimestamp,
});

export const BreakerParameters = Type.Object({ name: Type.String({ maxLength: 128 }) });

export const BreakerBody = Type.Object({
  state: Type.String({ maxLength: 32, description: 'closed, half_open or open; empty = closed' }),
  reason: Type.Optional(Type.String({ maxLength: MAX_BREAKER_REASON_LENGTH })),
});

export const BreakerChangedReply = Type.Object({ ok: Type.Boolean(), name: Type.String() });

export const WhitelistEntryBody = Type.Object({
  cidr: Type.String({ maxLength: 64 }),
  rate: Type.Number({ exclusiveMinimum: 0, description: 'requests per second of each address' }),
});

const WhitelistEntries = Type.Array(WhitelistEntryBody, { maxItems: MAX_WHITELIST_ENTRIES });

export const WhitelistBody = Type.Union([WhitelistEntries, Type.Object({ entries: WhitelistEntries })]);

export const WhitelistReply = Type.Object({ entries: WhitelistEntries, count: Count });

export const WhitelistChangedReply = Type.Object({ ok: Type.Boolean(), count: Count });

export const SnapshotHealthReply = Type.Object({
  snapshots_total: Count,
  snapshots_failed: Count,
  max_snapshot_duration_ms: Type.Number(),
  server_time: Timestamp,
  last_snapshot_at: OptionalTimestamp,
  last_snapshot_duration_ms: Type.Number(),
  last_snapshot_size_bytes: Count,
  last_snapshot_rlock_ms: Type.Number({
    description: 'longest stall of the event loop by the last snapshot',
  }),
  wal_size_bytes: Count,
  snapshot_write_breaker: Type.String(),
  replication_subscribers: Count,
});

export const SnapshotReply = Type.Object({ ok: Type.Boolean() });

export const RuntimeReply = Type.Object({
  process: Type.Object({
    pid: Type.Integer(),
    node_version: Type.String(),
    platform: Type.String(),
    architecture: Type.String(),
    uptime_seconds: Type.Number(),
    processor_seconds: Type.Number(),
    event_loop_utilization: Type.Number({ description: 'since the previous request, 0 to 1' }),
    active_resources: Count,
  }),
  memory: Type.Object({
    resident_bytes: Count,
    heap_used_bytes: Count,
    heap_total_bytes: Count,
    external_bytes: Count,
    array_buffers_bytes: Count,
  }),
  registry: Type.Record(Type.String(), Type.Union([Type.Number(), Type.String(), Type.Boolean()])),
});

export const FLEET_ERRORS = { ...ADMIN_ERRORS, 400: ErrorReply, 503: ErrorReply };

export const PageFrom = Type.Optional(
  Type.Integer({
    minimum: 0,
    maximum: 4_294_967_295,
    description: '`next` of the page before; leave it out for the first one',
  }),
);
const PageNext = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
  description: 'pass it as `from` for the next page; null on the last one',
});
const UnixSeconds = Type.Integer({ minimum: 0, description: 'unix seconds; 0 = never' });

export const NodeReply = Type.Object({
  node_id: Type.Integer({ minimum: 1 }),
  hostname: Type.Optional(Type.String()),
  tags: Type.Array(Type.String()),
  networks: Type.Array(Type.Integer(), { description: 'ids; 0 is the backbone' }),
  address: Type.Optional(Type.String({ description: "host:port; the beacon's for a relay-only node" })),
  public_key: Type.Optional(Type.String({ description: 'raw Ed25519 key, base64' })),
  peer_id: Type.Optional(Type.String({ description: 'the same key as a libp2p peer id' })),
  version: Type.Optional(Type.String()),
  public: Type.Boolean(),
  last_seen: UnixSeconds,
  online: Type.Boolean({ description: 'seen within the stale threshold' }),
});

export const NodePageReply = Type.Object({
  nodes: Type.Array(NodeReply),
  next: PageNext,
  last_event: Type.Integer({
    description: '`Last-Event-ID` for `/api/events` after which the page is not older than what is told',
  }),
  nodes_total: Count,
  stale_after_seconds: Type.Number(),
});

export const SeenReply = Type.Object({
  seen: Type.Array(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }), {
    description: 'pairs of node id and unix seconds',
  }),
  next: PageNext,
  online: Type.Integer({ minimum: 0, description: 'nodes that were seen within the stale threshold' }),
});

export const DurabilityReply = Type.Object({
  mode: Type.String({ description: 'strict, batch or async as configured; memory without a data folder' }),
  applied_seq: Count,
  durable_seq: Count,
  last_sync_at: OptionalTimestamp,
  last_sync_duration_ms: Type.Number(),
  log_bytes: Count,
  last_snapshot_at: OptionalTimestamp,
  last_snapshot_bytes: Type.Union([Count, Type.Null()]),
  last_snapshot_seq: Type.Union([Count, Type.Null()]),
  failed: Type.Boolean({ description: 'the log cannot be written any more' }),
  requests_total: Count,
});
