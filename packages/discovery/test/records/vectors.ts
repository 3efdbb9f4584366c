/** The test vectors of appendix A of the discovery specification. */

import { Identity } from '@muster/core/identity';

/** The key of all of them: seed 00 01 … 1f. */
export const vectorIdentity = Identity.fromSeed(new Uint8Array(32).map((_, index) => index));

export const VECTOR_PEER = '12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB';
export const VECTOR_KEY = 'CAESIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4';
export const VECTOR_DID = '706bcd1d-fff2-59b1-ac51-b0196bd5cccf';

const MULTIADDR = `/ip4/192.0.2.10/tcp/4001/p2p/${VECTOR_PEER}`;

/** A.2. */
export const peerRecordVector = {
  message: `opencloud/peer-record/1\n{"api_url":"http://alpha.example","did":"${VECTOR_DID}","expiry_date":"2030-01-01T00:00:00.000Z","name":"alpha","nats_address":"","peer_id":"${VECTOR_PEER}","pub_key":"${VECTOR_KEY}","stream_address":"${MULTIADDR}","wallet_address":""}`,
  messageSha256: 'fb346967d8204a1d8de423ec5e9d94927eb5822fd5aa6b550812f26e66906e40',
  record: {
    name: 'alpha',
    did: VECTOR_DID,
    peer_id: VECTOR_PEER,
    pub_key: VECTOR_KEY,
    api_url: 'http://alpha.example',
    stream_address: MULTIADDR,
    nats_address: '',
    wallet_address: '',
    expiry_date: '2030-01-01T00:00:00.000Z',
    signature: 'ccCZ2vTqLPmzLbdbiWo73x8mNLV7KBjVMC6Jq3JGelKBHHEdv6G+wYKdDtGaD+bAlVkNOQX3x+sFNHZFoaNPCA==',
  },
};

/** A.4. */
export const indexerRecordVector = {
  messageSha256: '7a366ea9d1a856f59b1425b138fa3a8528c66d253a5cc346d4c4f969202df984',
  record: {
    peer_id: VECTOR_PEER,
    multiaddrs: [MULTIADDR],
    region: '192.0.2',
    capacity: 500,
    fill_rate: 0.42,
    peer_count: 210,
    peers: ['0011223344556677'],
    born_at: '2029-12-31T00:00:00.000Z',
    expires_at: '2030-01-01T00:03:00.000Z',
    pub_key: VECTOR_KEY,
    sig: 'MgDrCj2leVbFOTAwrG6Cqty+xJgHPTAkST92JE02CcN6Z8SXn+Ur5B3AcCds7rgBDsifMg3/9Wq62Fv0/VwFBQ==',
  },
};
