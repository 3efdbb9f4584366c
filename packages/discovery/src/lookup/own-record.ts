import type { DiscoveryContext } from '../context.ts';
import { derivedDid } from '../records/did.ts';
import { buildPeerRecord } from '../records/peer-record.ts';
import { formatPeerAddress, usableAddresses } from '../wire/addresses.ts';
import type { PeerRecord } from '../wire/messages.ts';

/** Characters of the peer id that stand for a name that is not configured. */
const NAME_TAIL = 6;

type OwnContext = Pick<DiscoveryContext, 'self' | 'settings' | 'clock' | 'crypto' | 'overlay'>;

/** Our DID (discovery spec 9.3): derived from the peer id, or the stored one. */
export function ownDid({ self, settings }: Pick<DiscoveryContext, 'self' | 'settings'>): string {
  return settings.didMode === 'stored' && settings.storedDid !== undefined
    ? settings.storedDid
    : derivedDid(self);
}

/** Our name: the configured one, else `oc-` and the end of the peer id. */
export function ownName({ self, settings }: Pick<DiscoveryContext, 'self' | 'settings'>): string {
  return settings.name === '' ? `oc-${self.slice(-NAME_TAIL)}` : settings.name;
}

/** Our record as of now, signed, with `ttlMs` to live (9.5, 15.2). */
export function ownRecord(context: OwnContext, ttlMs: number): PeerRecord {
  const { self, settings, clock, crypto, overlay } = context;
  const [address] = usableAddresses(overlay.addresses(), settings);
  return buildPeerRecord(
    {
      name: ownName(context),
      did: ownDid(context),
      apiUrl: settings.hostname,
      streamAddress: address === undefined ? '' : formatPeerAddress(address, self),
      natsAddress: settings.natsAddress,
      walletAddress: settings.walletAddress,
      expiresAt: clock.now() + ttlMs,
    },
    crypto,
  );
}
