import { defineSettings } from '@muster/core';
import { addressProblem } from './address.ts';

const ORIGIN = 'Origin';

/** What the origin of a fleet serves, and how. */
export const originSettings = defineSettings({
  listen: {
    type: 'text',
    environment: 'MUSTER_ORIGIN_LISTEN',
    default: '127.0.0.1:0',
    check: addressProblem,
    description: 'Address to listen on. Port 0 is any free one.',
    group: ORIGIN,
  },
  data: {
    type: 'path',
    environment: 'MUSTER_ORIGIN_DATA',
    default: 'muster-origin',
    description: 'Folder of the image layout. An image is made when there is none.',
    group: ORIGIN,
  },
  'token-file': {
    type: 'path',
    environment: 'MUSTER_ORIGIN_TOKEN_FILE',
    description:
      'File with the token for POST /images and DELETE /counts. Unless given: one in the data folder, made when missing.',
    group: ORIGIN,
  },
  rate: {
    type: 'size',
    environment: 'MUSTER_ORIGIN_RATE',
    default: '0',
    description: 'Bytes a second that it sends at most, to all together. 0 = as fast as it goes.',
    group: ORIGIN,
  },
  layers: {
    type: 'integer',
    environment: 'MUSTER_ORIGIN_LAYERS',
    default: 4,
    min: 1,
    max: 16,
    description: 'Layers of the image that is made.',
    group: ORIGIN,
  },
  'layer-size': {
    type: 'size',
    environment: 'MUSTER_ORIGIN_LAYER_SIZE',
    default: '3MiB',
    min: '1B',
    max: '16MiB',
    description: 'Size of each of them.',
    group: ORIGIN,
  },
});
