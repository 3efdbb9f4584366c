import { createHash } from 'node:crypto';
import { CID } from 'multiformats/cid';
import { create as createDigest } from 'multiformats/hashes/digest';

const RAW_CODEC = 0x55;
const SHA2_256 = 0x12;

/** What all indexers provide, and nodes look for (10.4): CIDv1, raw, SHA2-256 of `/opencloud/indexers`. */
export const INDEXERS_CID = CID.createV1(
  RAW_CODEC,
  createDigest(SHA2_256, createHash('sha256').update('/opencloud/indexers').digest()),
).toString();
