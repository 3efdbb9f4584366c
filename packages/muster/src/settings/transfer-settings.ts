import { defineSettings } from '@muster/core';
import { dataSettings, registrySettings } from './registry-settings.ts';

const IMPORT = 'Import';

/** What an import may accept. */
export const importSettings = defineSettings({
  ...dataSettings,
  'max-nodes': registrySettings['max-nodes'],
  'without-wal': {
    type: 'boolean',
    environment: 'MUSTER_WITHOUT_WAL',
    default: false,
    description: 'Leave out the log, with the changes that only it has.',
    group: IMPORT,
  },
  salvage: {
    type: 'boolean',
    environment: 'MUSTER_SALVAGE',
    default: false,
    description: 'Use every whole record of a damaged log.',
    group: IMPORT,
  },
  'accept-missing-checksum': {
    type: 'boolean',
    environment: 'MUSTER_ACCEPT_MISSING_CHECKSUM',
    default: false,
    description: 'Accept a snapshot of version 1 without a checksum: nothing tells whether it is whole.',
    group: IMPORT,
  },
});
