import { defineSettings, type Setting, type Settings } from '@muster/core';
import { addressProblem } from './address.ts';

/** Heading of the settings that only programs of other versions have. */
export const NOT_IN_THIS_VERSION = 'Not in this version';
/** Heading of the settings that are taken and do nothing. */
export const WITHOUT_EFFECT = 'Without effect';

/** Port of a registry. */
export const DEFAULT_REGISTRY_ADDRESS = '127.0.0.1:9000';
/** Where a registry keeps everything unless it is told otherwise. */
export const DEFAULT_DATA_DIRECTORY = 'muster-data';

const STORE = 'Store';
const NETWORK = 'Network';
const TLS = 'TLS';
const ADMINISTRATION = 'Administration';
const POLICY = 'What callers may do';
const LIMITS = 'Limits';
const LOGS = 'Logs';

/** The data folder, for every command that works on one. */
export const dataSettings = defineSettings({
  data: {
    type: 'path',
    environment: 'MUSTER_DATA',
    default: DEFAULT_DATA_DIRECTORY,
    description: 'Data folder. Whoever can read it can read everything the registry knows.',
    group: STORE,
  },
});

const store = {
  ...dataSettings,
  store: {
    type: 'path',
    environment: 'MUSTER_STORE',
    description: 'The same as --data, under the name that the original uses.',
    group: STORE,
  },
  'in-memory': {
    type: 'boolean',
    environment: 'MUSTER_IN_MEMORY',
    default: false,
    description: 'Keep nothing on the disk: everything ends with the process.',
    group: STORE,
  },
  durability: {
    type: 'text',
    environment: 'MUSTER_DURABILITY',
    choices: ['strict', 'batch', 'async'],
    default: 'batch',
    description:
      'When a change is answered: strict = after a sync of its own, batch = after one that many changes share, ' +
      'async = before any sync (a crash of the machine loses the last moments).',
    group: STORE,
  },
  recover: {
    type: 'boolean',
    environment: 'MUSTER_RECOVER',
    default: false,
    description:
      'Repair a damaged store as far as is safe; damaged files are kept beside. For one start only.',
    group: STORE,
  },
} as const satisfies Settings;

const network = {
  'registry-addr': {
    type: 'text',
    environment: 'MUSTER_REGISTRY_ADDR',
    default: DEFAULT_REGISTRY_ADDRESS,
    check: addressProblem,
    description:
      'Address that clients connect to; :9000 is port 9000 on all interfaces. Port 0 is any free one.',
    group: NETWORK,
  },
  http: {
    type: 'text',
    environment: 'MUSTER_HTTP',
    check: addressProblem,
    description: 'Address of health, metrics and administration over HTTP. Off unless given.',
    group: NETWORK,
  },
  'beacon-addr': {
    type: 'text',
    environment: 'MUSTER_BEACON_ADDR',
    check: addressProblem,
    description: 'Address of the beacon, shown in place of that of relay-only nodes.',
    group: NETWORK,
  },
  'allowed-destinations': {
    type: 'list',
    environment: 'MUSTER_ALLOWED_DESTINATIONS',
    default: [],
    description:
      'Hosts, addresses and ranges beyond the public Internet that webhooks and key sets may be on.',
    group: NETWORK,
  },
} as const satisfies Settings;

const tls = {
  tls: {
    type: 'boolean',
    environment: 'MUSTER_TLS',
    default: false,
    description:
      'Speak TLS 1.3 only; with a self-signed certificate, kept in the data folder, unless files are given.',
    group: TLS,
  },
  'tls-cert': {
    type: 'path',
    environment: 'MUSTER_TLS_CERT',
    description: 'Certificate chain, PEM. Read again on SIGHUP.',
    group: TLS,
  },
  'tls-key': {
    type: 'path',
    environment: 'MUSTER_TLS_KEY',
    description: 'Private key of the certificate, PEM. Read again on SIGHUP.',
    group: TLS,
  },
  'tls-names': {
    type: 'list',
    environment: 'MUSTER_TLS_NAMES',
    default: [],
    description: 'Names and addresses for the self-signed certificate, beside localhost.',
    group: TLS,
  },
} as const satisfies Settings;

const administration = {
  'admin-token': {
    type: 'secret',
    environment: 'MUSTER_ADMIN_TOKEN',
    description: 'Token with every right. Better as a file: command lines can be read by others.',
    group: ADMINISTRATION,
  },
  'make-admin-token': {
    type: 'boolean',
    environment: 'MUSTER_MAKE_ADMIN_TOKEN',
    default: false,
    description: 'Make an admin token in the data folder (admin-token) when none is configured.',
    group: ADMINISTRATION,
  },
  'admin-tokens-file': {
    type: 'path',
    environment: 'MUSTER_ADMIN_TOKENS_FILE',
    description: 'Further tokens, stored as hashes, with names and scopes: see `muster keys admin-token`.',
    group: ADMINISTRATION,
  },
  'badge-keys': {
    type: 'text',
    environment: 'MUSTER_BADGE_KEYS',
    description: 'Keys that badges are believed from: kid=base64,… or a file that holds this.',
    group: ADMINISTRATION,
  },
  'recovery-keys': {
    type: 'text',
    environment: 'MUSTER_RECOVERY_KEYS',
    description: 'Keys that recovery statements are believed from: kid=base64,… or a file that holds this.',
    group: ADMINISTRATION,
  },
} as const satisfies Settings;

const strict = (name: string, description: string) =>
  ({
    type: 'boolean',
    environment: [`MUSTER_STRICT_${name}`, `RENDEZVOUS_STRICT_${name}`],
    default: false,
    description,
    group: POLICY,
  }) as const satisfies Setting;

const policy = {
  'strict-registration-auth': strict('REGISTRATION_AUTH', 'Refuse registrations without a signature.'),
  'strict-directory-auth': strict(
    'DIRECTORY_AUTH',
    'Ask for signatures for lookups, lists and names of private nodes; what is denied reads as not found.',
  ),
  'strict-heartbeat-freshness': strict(
    'HEARTBEAT_FRESHNESS',
    'Heartbeats must carry a time; refuses those of the binary form.',
  ),
  'strict-expiry-binding': strict('EXPIRY_BINDING', 'The signature of set_key_expiry must cover the expiry.'),
  'allow-unsigned-rbac': {
    type: 'boolean',
    environment: 'MUSTER_ALLOW_UNSIGNED_RBAC',
    default: false,
    description: 'Unsafe: believe a claimed member without proof, as the original does.',
    group: POLICY,
  },
  'allow-unsigned-requester': {
    type: 'boolean',
    environment: 'MUSTER_ALLOW_UNSIGNED_REQUESTER',
    default: false,
    description: 'Unsafe: believe who asks for a hostname without proof, as the original does.',
    group: POLICY,
  },
  'allow-symmetric-tokens': {
    type: 'boolean',
    environment: 'MUSTER_ALLOW_SYMMETRIC_TOKENS',
    default: false,
    description: 'Accept identity tokens with a symmetric key (HS256).',
    group: POLICY,
  },
  'legacy-messages': {
    type: 'boolean',
    environment: 'MUSTER_LEGACY_MESSAGES',
    default: false,
    description: 'Answer set_task_exec of clients from before 2026.',
    group: POLICY,
  },
  'id-allocation': {
    type: 'text',
    environment: 'MUSTER_ID_ALLOCATION',
    choices: ['sequential', 'random'],
    default: 'sequential',
    description: 'How node ids are given out. Random ids cannot be walked through by strangers.',
    group: POLICY,
  },
} as const satisfies Settings;

const limits = {
  'stale-threshold': {
    type: 'duration',
    environment: 'MUSTER_STALE_THRESHOLD',
    default: '30m',
    min: '1s',
    description: 'A node without a sign of life for this long is taken off the lists.',
    group: LIMITS,
  },
  'max-nodes': {
    type: 'integer',
    environment: 'MUSTER_MAX_NODES',
    default: 1_000_000,
    min: 1,
    max: 100_000_000,
    description: 'Most nodes at a time; more are refused. A node costs about 270 bytes of memory.',
    group: LIMITS,
  },
  'max-connections': {
    type: 'integer',
    environment: 'MUSTER_MAX_CONNECTIONS',
    default: 1_100_000,
    min: 1,
    description: 'Most connections at a time; more are closed at once.',
    group: LIMITS,
  },
  'no-rate-limit': {
    type: 'boolean',
    environment: ['MUSTER_NO_RATE_LIMIT', 'PILOT_REGISTRY_NORATELIMIT'],
    default: false,
    description: 'Switch off all rates and bounds per address. For tests and benchmarks.',
    group: LIMITS,
  },
  'limit-loopback': {
    type: 'boolean',
    environment: 'MUSTER_LIMIT_LOOPBACK',
    default: false,
    description: 'Apply rates and bounds to programs of this machine, too.',
    group: LIMITS,
  },
} as const satisfies Settings;

const logs = {
  'log-level': {
    type: 'text',
    environment: 'MUSTER_LOG_LEVEL',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
    description: 'How much is logged. Logs go to the standard error.',
    group: LOGS,
  },
  'log-format': {
    type: 'text',
    environment: 'MUSTER_LOG_FORMAT',
    choices: ['text', 'json'],
    default: 'text',
    description: 'Text for people, or one JSON object per line.',
    group: LOGS,
  },
} as const satisfies Settings;

const ofTheOriginal = (name: string, type: 'text' | 'secret', group: string, description: string) =>
  ({ type, environment: `MUSTER_${name}`, description, group }) as const satisfies Setting;

const missing = (name: string, description: string) =>
  ofTheOriginal(name, 'text', NOT_IN_THIS_VERSION, description);
const ignored = (name: string, description: string) =>
  ofTheOriginal(name, 'text', WITHOUT_EFFECT, description);

const foreign = {
  standby: missing('STANDBY', 'Follow a primary.'),
  'repl-token': ofTheOriginal('REPL_TOKEN', 'secret', NOT_IN_THIS_VERSION, 'Secret of the replication.'),
  'dashboard-token': ofTheOriginal(
    'DASHBOARD_TOKEN',
    'secret',
    NOT_IN_THIS_VERSION,
    'Secret of the dashboard.',
  ),
  'maintenance-banner': missing('MAINTENANCE_BANNER', 'Text on the dashboard.'),
  'wss-addr': missing('WSS_ADDR', 'WebSocket listener of the beacon.'),
  'backups-max-age': missing('BACKUPS_MAX_AGE', 'Age at which backups are removed.'),
  'backups-max-count': missing('BACKUPS_MAX_COUNT', 'Number of backups that are kept.'),
  'mutex-profile-fraction': ignored('MUTEX_PROFILE_FRACTION', 'Profiling of another runtime.'),
  'block-profile-rate': ignored('BLOCK_PROFILE_RATE', 'Profiling of another runtime.'),
} as const satisfies Settings;

/** Everything that a registry can be told (registry spec section 16, and what is ours). */
export const registrySettings = defineSettings({
  ...network,
  ...store,
  ...tls,
  ...administration,
  ...policy,
  ...limits,
  ...logs,
  ...foreign,
});
