import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DID_NAMESPACE, derivedDid, isUuid, uuidV5 } from '../../src/records/did.ts';
import { INDEXERS_CID } from '../../src/records/provider-key.ts';
import { VECTOR_DID, VECTOR_PEER } from './vectors.ts';

describe('DIDs', () => {
  it('derive from the peer id (vector A.2)', () => {
    expect(derivedDid(VECTOR_PEER)).toBe(VECTOR_DID);
  });

  it('have a namespace that derives from the URL namespace', () => {
    expect(uuidV5('6ba7b811-9dad-11d1-80b4-00c04fd430c8', 'opencloud:did:v1')).toBe(DID_NAMESPACE);
  });

  it('are UUIDs in canonical form', () => {
    expect(isUuid(VECTOR_DID)).toBe(true);
    for (const text of [VECTOR_DID.toUpperCase(), `${VECTOR_DID}\n`, ` ${VECTOR_DID}`, 'alpha', '']) {
      expect(isUuid(text)).toBe(false);
    }
  });
});

describe('the key that all indexers provide', () => {
  it('is vector A.1', () => {
    expect(INDEXERS_CID).toBe('bafkreidrw5iylglcen5szq5psxxo3ttmkn4bunazyqyo5rvfiwdvnfqvbe');
    expect(createHash('sha256').update('/opencloud/indexers').digest('hex')).toBe(
      '71b751859962237b2cc3af95eeedce6c53781a3419c430eec6a5458756961509',
    );
  });
});
