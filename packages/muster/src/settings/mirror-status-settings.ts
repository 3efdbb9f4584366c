import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';

const AGENT = 'Agent';

/** How to reach the monitoring listener of a running agent of this machine. */
export const opsSettings = defineSettings({
  ops: {
    type: 'text',
    environment: 'MUSTER_MIRROR_OPS',
    default: '127.0.0.1:9095',
    check: addressProblem,
    description: 'Address for monitoring of the running mirror, as its banner shows it.',
    group: AGENT,
  },
  timeout: {
    type: 'duration',
    environment: 'MUSTER_TIMEOUT',
    default: '5s',
    min: '1ms',
    max: '24h',
    description: 'How long to wait for an answer.',
    group: AGENT,
  },
});

/** What the mirror and its runtime are examined with. */
export const doctorMirrorSettings = defineSettings({
  ...opsSettings,
  image: {
    type: 'text',
    environment: 'MUSTER_DOCTOR_IMAGE',
    description:
      'Image, registry/repository:tag or @sha256:…, whose manifest is asked for as the runtime would.',
    group: 'Proof',
  },
  origin: {
    type: 'text',
    environment: 'MUSTER_ORIGIN',
    description: 'URL of the registry that knows the tag of the image; unless given, made from its name.',
    group: 'Proof',
  },
  'containerd-config': {
    type: 'path',
    environment: 'MUSTER_CONTAINERD_CONFIG',
    default: '/etc/containerd/config.toml',
    description:
      "Configuration of containerd, which names the folder of its registries' settings; none: there is none.",
    group: 'Runtime',
  },
  'certs-dir': {
    type: 'path',
    environment: 'MUSTER_CERTS_DIR',
    description: 'That folder; unless given, as the configuration says, else /etc/containerd/certs.d.',
    group: 'Runtime',
  },
  'registries-conf': {
    type: 'path',
    environment: 'MUSTER_REGISTRIES_CONF',
    default: '/etc/containers/registries.conf',
    description:
      'Configuration of Podman and CRI-O; files in the folder of the same name with .d count, too. none: there is none.',
    group: 'Runtime',
  },
  'docker-config': {
    type: 'path',
    environment: 'MUSTER_DOCKER_CONFIG',
    default: '/etc/docker/daemon.json',
    description: 'Configuration of Docker; none: there is none.',
    group: 'Runtime',
  },
});
