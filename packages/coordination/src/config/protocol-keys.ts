/** Settings of how nodes work together and serve the runtime (coordination spec 21). */

import type { Settings } from '@muster/core';
import { groupOf, MANY } from './setting-group.ts';

const mirror = groupOf('Mirror');
const election = groupOf('Election and cold starts');
const coordination = groupOf('Coordination protocol');
const transfer = groupOf('Transfer between nodes');
const advertising = groupOf('Announcements');
const operation = groupOf('Operation');

export const decisionKeys = {
  'error-mode': mirror.choice(
    'error-mode',
    'fallthrough',
    ['fallthrough', 'truthful'],
    'Whether failures are 503, so that the runtime goes on to the origin, or what the origin has said.',
  ),
  'head-manifest-pull': mirror.flag('head-manifest-pull', true, 'A HEAD for an unknown manifest gets it.'),
  'stream-holdback-bytes': mirror.size(
    'stream-holdback-bytes',
    '65536',
    'End of a body that is held back until the digest has matched.',
    '1',
  ),
  'stream-verify-first-max': mirror.size(
    'stream-verify-first-max',
    '1048576',
    'Objects up to this size are shown only after they have matched.',
  ),
  'max-sessions': mirror.integer('max-sessions', 64, 1, MANY, 'Objects that are fetched at one time.'),
  'session-max': mirror.duration('session-max', '30m', 'The longest that one may take.'),
  'rediscover-budget': mirror.duration(
    'rediscover-budget',
    '5m',
    'How long providers are looked for again without a byte.',
  ),
  'hrw-k': election.integer('hrw-k', 3, 1, 1_000, 'Nodes that are asked first for each object.'),
  'hrw-topology-scope': election.choice(
    'hrw-topology-scope',
    'cluster',
    ['cluster', 'zone'],
    'Whether pullers are chosen in the cluster or in the own zone.',
  ),
  'hrw-view-overlap': election.duration(
    'hrw-view-overlap',
    '10s',
    'How long those chosen before a change of members are asked as well.',
    '0s',
  ),
  'topk-expansion-factor-degraded': election.integer(
    'topk-expansion-factor-degraded',
    2,
    1,
    1_000,
    'By which more nodes are asked while discovery is in trouble; 1 = not.',
  ),
  'coldstart-rounds': election.integer('coldstart-rounds', 3, 1, 100, 'Rounds of asking for a pull.'),
  'coldstart-budget-max': election.duration(
    'coldstart-budget-max',
    '10m',
    'The longest that a cold start may take.',
  ),
  'stall-bytes-per-second': election.size(
    'stall-bytes-per-second',
    '52428800',
    'Rate by which the size of an object tells when its pull has stalled.',
    '1',
  ),
  'nf5-jitter-base': election.duration(
    'nf5-jitter-base',
    '3s',
    'Random delay before the own pull of last resort, times the logarithm of the nodes.',
  ),
  'nf5-per-node-rate-limit': election.integer('nf5-per-node-rate-limit', 2, 1, MANY, 'Such pulls a minute.'),
  'bootstrap-window': election.duration('bootstrap-window', '30s', 'No such pulls so soon after the start.'),
  'bootstrap-routing-table-pct': election.integer(
    'bootstrap-routing-table-pct',
    25,
    1,
    100,
    'Nor while the routing table is emptier than this.',
  ),
  'prefetch-coordinators': election.integer(
    'prefetch-coordinators',
    3,
    0,
    1_000,
    'Nodes that ask for the children of a manifest. 0 = none.',
  ),
  'prefetch-max-groups': election.integer('prefetch-max-groups', 64, 1, MANY, 'Nodes that they ask at most.'),
  'prefetch-jitter': election.duration('prefetch-jitter', '1s', 'Random delay before that.', '0s'),
  'local-prefetch': election.flag(
    'local-prefetch',
    true,
    'Get the children of a manifest that the runtime has asked for.',
  ),
  'local-prefetch-concurrency': election.integer(
    'local-prefetch-concurrency',
    3,
    1,
    1_000,
    'How many at a time.',
  ),
} as const satisfies Settings;

export const protocolKeys = {
  'coord-max-concurrent-streams': coordination.integer(
    'coord-max-concurrent-streams',
    512,
    1,
    MANY,
    'Questions of other nodes at one time.',
  ),
  'coord-max-streams-per-peer': coordination.integer(
    'coord-max-streams-per-peer',
    128,
    1,
    MANY,
    'Of them, those of one node.',
  ),
  'coord-stream-timeout': coordination.duration(
    'coord-stream-timeout',
    '5s',
    'The longest that one may take.',
  ),
  'coord-dial-timeout': coordination.duration('coord-dial-timeout', '2s', 'For reaching another node.'),
  'coord-rpc-timeout': coordination.duration('coord-rpc-timeout', '2s', 'For its whole answer.'),
  'coord-max-digests-per-request': coordination.integer(
    'coord-max-digests-per-request',
    256,
    1,
    256,
    'Objects in one request.',
  ),
  'coord-max-concurrent-pulls': coordination.integer(
    'coord-max-concurrent-pulls',
    16,
    1,
    MANY,
    'Pulls from origins at one time.',
  ),
  'coord-pull-queue': coordination.integer('coord-pull-queue', 64, 0, MANY, 'Pulls that wait.'),
  'coord-offer-minor': coordination.integer('coord-offer-minor', 0, 0, 1, 'Offer protocol 1.1.0 first.'),
  'coord-allow': coordination.choice(
    'coord-allow',
    'all',
    ['all', 'observe', 'members'],
    'Who may ask: all, all while strangers are counted, or members only.',
  ),
  'pump-peer-check': coordination.flag(
    'pump-peer-check',
    true,
    'Look whether another node has the object before going to the origin.',
  ),
  'pump-peer-check-timeout': coordination.duration('pump-peer-check-timeout', '300ms', 'For that look.'),
  'transfer-max-concurrent-serves': transfer.integer(
    'transfer-max-concurrent-serves',
    32,
    1,
    MANY,
    'Bodies that are sent to other nodes at one time.',
  ),
  'transfer-fanout-per-digest': transfer.integer(
    'transfer-fanout-per-digest',
    8,
    1,
    MANY,
    'Of them, those of one object.',
  ),
  'transfer-token-path': transfer.text(
    'transfer-token-path',
    '',
    'File with a shared secret that copying needs. Empty = everybody who reaches the port may copy.',
  ),
  'partial-transfer': transfer.flag(
    'partial-transfer',
    true,
    'Copy objects while their pull is still running.',
  ),
  'peer-connect-timeout': transfer.duration(
    'peer-connect-timeout',
    '2s',
    'For a connection to another node.',
  ),
  'peer-header-timeout': transfer.duration(
    'peer-header-timeout',
    '5s',
    'From there to the headers of its answer.',
  ),
  'peer-idle-timeout': transfer.duration('peer-idle-timeout', '10s', 'The longest wait for the next bytes.'),
  'peer-attempt-max': transfer.duration('peer-attempt-max', '15m', 'The longest that one copy may take.'),
  'peer-min-rate': transfer.size(
    'peer-min-rate',
    '1048576',
    'Bytes a second below which another node is tried. 0 = none is too slow.',
  ),
  'provide-concurrency': advertising.integer(
    'provide-concurrency',
    16,
    1,
    1_000,
    'Announcements at one time.',
  ),
  'reprovide-after': advertising.duration(
    'reprovide-after',
    '12h',
    'Age at which announcements are renewed; they live 48 h.',
    '1m',
  ),
  'advertise-reconcile-interval': advertising.duration(
    'advertise-reconcile-interval',
    '1m',
    'How often what is announced is compared with what is here.',
    '1s',
  ),
  'log-level': operation.choice(
    'log-level',
    'info',
    ['debug', 'info', 'warn', 'error'],
    'Least severe lines that are logged.',
  ),
  'log-format': operation.choice('log-format', 'json', ['json', 'text'], 'Form of the lines.'),
} as const satisfies Settings;
