import type { CommandGroup } from '../cli/command.ts';
import { adminToken, generate, show } from './keys.ts';
import { killRegistry } from './demo-kill-registry.ts';
import { liar as liarDemo } from './demo-liar.ts';
import { partition as partitionDemo } from './demo-partition.ts';
import { pull as pullDemo } from './demo-pull.ts';
import { psk } from './keys-psk.ts';
import { all as doctorAll } from './doctor-all.ts';
import { mirror as doctorMirror } from './doctor-mirror.ts';
import { run as runMirror } from './mirror-run.ts';
import { status as mirrorStatus } from './mirror-status.ts';
import { demo } from './node-demo.ts';
import { run } from './node-run.ts';
import { serve as servePage } from './page.ts';
import { serve as serveOrigin } from './origin-serve.ts';
import { create as createNetwork } from './networks-create.ts';
import { list as listNetworks } from './networks-list.ts';
import { deregister } from './nodes-deregister.ts';
import { get } from './nodes-get.ts';
import { list } from './nodes-list.ts';
import { register } from './nodes-register.ts';
import { resolve } from './nodes-resolve.ts';
import { watch } from './nodes-watch.ts';
import { get as getPeer } from './peers-get.ts';
import { list as listPeers } from './peers-list.ts';
import { score } from './peers-score.ts';
import { search } from './peers-search.ts';
import { backup } from './registry-backup.ts';
import { serve } from './registry-serve.ts';
import { exportOriginal, importOriginal } from './registry-transfer.ts';
import { verify } from './registry-verify.ts';

/** The commands, by noun. */
export const groups: readonly CommandGroup[] = [
  {
    name: 'registry',
    summary: 'Run a registry, and look after its data.',
    commands: [serve, verify, backup, importOriginal, exportOriginal],
  },
  {
    name: 'nodes',
    summary: 'Register nodes with a registry, and find them.',
    commands: [register, get, list, resolve, watch, deregister],
  },
  {
    name: 'networks',
    summary: 'Create networks of nodes in a registry, and list them.',
    commands: [createNetwork, listNetworks],
  },
  {
    name: 'keys',
    summary: 'Make keys and tokens, and show what belongs to them.',
    commands: [generate, show, adminToken, psk],
  },
  {
    name: 'node',
    summary: 'Run nodes and indexers of an overlay, which find one another without a registry.',
    commands: [run, demo],
  },
  {
    name: 'peers',
    summary: 'Ask a running node or indexer about its peers.',
    commands: [listPeers, getPeer, search, score],
  },
  {
    name: 'mirror',
    summary: 'Run a mirror of container registries, which pulls once for a whole cluster.',
    commands: [runMirror, mirrorStatus],
  },
  {
    name: 'origin',
    summary: 'Run an origin with a made-up image, for mirrors to pull from.',
    commands: [serveOrigin],
  },
  {
    name: 'demo',
    summary: 'Do something to a running fleet, and check what comes of it.',
    commands: [killRegistry, liarDemo, pullDemo, partitionDemo],
  },
  {
    name: 'page',
    summary: 'Serve the page that shows a fleet at work.',
    commands: [servePage],
  },
  {
    name: 'doctor',
    summary: 'Find out what is wrong, and which setting to change.',
    commands: [doctorAll, doctorMirror],
  },
];
