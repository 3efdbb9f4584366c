/**
 * Every key of coordination spec 21, and what is ours. `mirror_listen` in the file is `--mirror-listen` on the command line and
 * `GANTRY_MIRROR_LISTEN` in the environment.
 */

import { defineSettings, type Settings } from '@muster/core';
import { memberKeys, placeKeys, storeKeys } from './node-keys.ts';
import { decisionKeys, protocolKeys } from './protocol-keys.ts';
import { groupOf } from './setting-group.ts';

/** Heading of keys that are taken and do nothing in this build. */
export const WITHOUT_EFFECT = 'Without effect';

const unused = groupOf(WITHOUT_EFFECT);

const withoutEffect = {
  'containerd-socket': unused.text(
    'containerd-socket',
    '',
    'Socket of the container runtime. This build has no access to runtimes.',
  ),
  'containerd-namespace': unused.text('containerd-namespace', 'k8s.io', 'Namespace in the runtime.'),
  'advertise-external': unused.flag('advertise-external', false, 'Announce what only the runtime has.'),
  'members-kubeconfig': unused.text(
    'members-kubeconfig',
    '',
    'Kubeconfig. This build uses the service account of its pod.',
  ),
} as const satisfies Settings;

/** All settings of an agent. */
export const coordinationSettings = defineSettings({
  ...placeKeys,
  ...memberKeys,
  ...storeKeys,
  ...decisionKeys,
  ...protocolKeys,
  ...withoutEffect,
});
