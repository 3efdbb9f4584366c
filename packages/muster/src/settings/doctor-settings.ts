import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';
import { connectionSettings } from './client-settings.ts';

const SUBJECT = 'What to look at';
const REACHED = 'What to reach';

const addressListProblem = (text: string): string | undefined => addressProblem(text);

/** What `muster doctor` is told to look at. Without any of it: the fleet of this folder, or what this machine would run by default. */
export const doctorSettings = defineSettings({
  fleet: {
    type: 'path',
    environment: 'MUSTER_FLEET',
    description: 'Folder of a fleet of `muster dev`. Unless given: muster-data, if a fleet is or was there.',
    group: SUBJECT,
  },
  service: {
    type: 'records',
    environment: 'MUSTER_DOCTOR_SERVICE',
    fields: { kind: { isRequired: true }, file: { isRequired: true } },
    default: [],
    description:
      'Configuration file of a service, as registry=<file>, node=<file> or mirror=<file>: its ports, keys and folders are looked at.',
    group: SUBJECT,
  },
  data: {
    type: 'list',
    environment: 'MUSTER_DOCTOR_DATA',
    default: [],
    description: 'Data folders whose disk is measured and whose rights are looked at.',
    group: SUBJECT,
  },
  keys: {
    type: 'list',
    environment: 'MUSTER_DOCTOR_KEYS',
    default: [],
    description: 'Key files to look at.',
    group: SUBJECT,
  },
  status: {
    type: 'list',
    environment: 'MUSTER_DOCTOR_STATUS',
    default: [],
    check: addressListProblem,
    description: 'Status endpoints of nodes and indexers on this machine, host:port.',
    group: REACHED,
  },
  ops: {
    type: 'list',
    environment: 'MUSTER_DOCTOR_OPS',
    default: [],
    check: addressListProblem,
    description: 'Monitoring addresses of mirrors, host:port.',
    group: REACHED,
  },
  'registry-http': {
    type: 'text',
    environment: 'MUSTER_DOCTOR_REGISTRY_HTTP',
    check: addressProblem,
    description: 'HTTP address of the registry, host:port.',
    group: REACHED,
  },
  network: {
    type: 'integer',
    environment: 'MUSTER_DOCTOR_NETWORK',
    min: 0,
    max: 65_535,
    description:
      'Network of the registry whose members are compared with the peers of the overlay; 0 is all nodes.',
    group: REACHED,
  },
  ...connectionSettings,
  timeout: { ...connectionSettings.timeout, default: '5s' },
});
