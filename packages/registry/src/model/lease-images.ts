/** Leases in snapshots: pieces of JSON, in the order of the table. */
import type { LeaseTable, StoredLease } from './lease-table.ts';

const LEASES_PER_IMAGE = 1_024;

interface LeasesImage {
  readonly state: 'held' | 'done';
  /** Resource, node, token, milliseconds. */
  readonly leases: readonly (readonly [string, number, number, number])[];
}

/** The images, each encoded when it is asked for. */
export function* leaseImages(
  all: Readonly<Record<LeasesImage['state'], readonly StoredLease[]>>,
): Generator<Uint8Array> {
  for (const state of ['held', 'done'] as const) {
    for (let from = 0; from < all[state].length; from += LEASES_PER_IMAGE) {
      const some = all[state].slice(from, from + LEASES_PER_IMAGE);
      const image: LeasesImage = {
        state,
        leases: some.map(({ resource, node, token, ttlMs }) => [resource, node, token, ttlMs]),
      };
      yield Buffer.from(JSON.stringify(image));
    }
  }
}

/** Puts the leases of one image into the table. */
export function restoreLeases(table: LeaseTable, bytes: Buffer): void {
  const image = JSON.parse(bytes.toString('utf8')) as LeasesImage;
  for (const [resource, node, token, ttlMs] of image.leases) {
    const lease = { resource, node, token, ttlMs };
    // What a snapshot holds is durable: nothing has to wait for the grant.
    if (image.state === 'held') table.grant(lease, 0);
    else table.remember(lease);
  }
}
