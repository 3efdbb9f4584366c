import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';
import { DEFAULT_REGISTRY_ADDRESS } from './registry-settings.ts';

const REGISTRY = 'Registry';
const NODE = 'Node';

/** How to reach a registry. */
export const connectionSettings = defineSettings({
  registry: {
    type: 'text',
    environment: 'MUSTER_REGISTRY',
    default: DEFAULT_REGISTRY_ADDRESS,
    check: addressProblem,
    description: 'Address of the registry.',
    group: REGISTRY,
  },
  tls: {
    type: 'boolean',
    environment: 'MUSTER_TLS',
    default: false,
    description: 'Connect with TLS, to a certificate that this system trusts.',
    group: REGISTRY,
  },
  pin: {
    type: 'text',
    environment: 'MUSTER_PIN',
    check: (value) =>
      /^[0-9a-fA-F]{64}$/.test(value) ? undefined : 'not a SHA-256 fingerprint of 64 hex digits',
    description:
      'Connect with TLS, to the certificate with this fingerprint. The registry prints it at start.',
    group: REGISTRY,
  },
  ca: {
    type: 'path',
    environment: 'MUSTER_CA',
    description: 'Connect with TLS, to a certificate signed by those in this PEM file.',
    group: REGISTRY,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_TIMEOUT',
    default: '10s',
    min: '1ms',
    max: '24h',
    description: 'How long to wait for an answer.',
    group: REGISTRY,
  },
  'admin-token': {
    type: 'secret',
    environment: 'MUSTER_ADMIN_TOKEN',
    description: "The registry's admin token, for what needs it.",
    group: REGISTRY,
  },
});

/** The key of a node. */
export const keySettings = defineSettings({
  key: {
    type: 'path',
    environment: 'MUSTER_KEY',
    default: '~/.muster/node.pem',
    description: 'Private key of the node: PEM, readable by its owner only.',
    group: NODE,
  },
});

/** The node that a command acts for. */
export const nodeSettings = defineSettings({
  ...keySettings,
  node: {
    type: 'integer',
    environment: 'MUSTER_NODE',
    min: 1,
    max: 4_294_967_295,
    description:
      'Id of the node that the key belongs to. Default: what `nodes register` noted beside the key.',
    group: NODE,
  },
});

/** Reaching a registry as a node. */
export const clientSettings = defineSettings({ ...connectionSettings, ...nodeSettings });

/** What a node says of itself when it registers. */
export const registrationSettings = defineSettings({
  ...connectionSettings,
  ...keySettings,
  hostname: {
    type: 'text',
    environment: 'MUSTER_HOSTNAME',
    description: 'Name by which others find the node.',
    group: NODE,
  },
  'listen-addr': {
    type: 'text',
    environment: 'MUSTER_LISTEN_ADDR',
    check: addressProblem,
    description: 'UDP address of the node, host:port. The registry fills in the host when it is left out.',
    group: NODE,
  },
  'lan-addrs': {
    type: 'list',
    environment: 'MUSTER_LAN_ADDRS',
    default: [],
    description: 'Addresses for peers behind the same router.',
    group: NODE,
  },
  owner: {
    type: 'text',
    environment: 'MUSTER_OWNER',
    description: 'Label of the owner, such as a mail address.',
    group: NODE,
  },
  public: {
    type: 'boolean',
    environment: 'MUSTER_PUBLIC',
    default: false,
    description: 'Let anybody learn the address of the node.',
    group: NODE,
  },
  'relay-only': {
    type: 'boolean',
    environment: 'MUSTER_RELAY_ONLY',
    default: false,
    description: 'Tell nobody the address of the node: peers go through a beacon.',
    group: NODE,
  },
  tags: {
    type: 'list',
    environment: 'MUSTER_TAGS',
    description: 'Tags of the node; replaces those it has.',
    group: NODE,
  },
});
