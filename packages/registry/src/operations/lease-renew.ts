import { challenges } from './common.ts';
import { heldLeaseFields, isRunning, LEASE_ERRORS, leaseDemands, leaseOf, requireHolder } from './leases.ts';
import { defineOperation } from './operation.ts';
import { refuse } from './refusal.ts';

/** A lease goes on. Nothing is logged, and on a proven connection no signature is checked: it costs no more than a heartbeat. */
export const leaseRenew = defineOperation<typeof heldLeaseFields>({
  type: 'lease_renew',
  summary: 'Lets a lease go on for its whole time. Nothing is logged.',
  section: 'Muster',
  fields: heldLeaseFields,
  auth: 'signature',
  challenge: 'lease_renew:<node_id>:<epoch>:<token>:<resource>',
  standby: false,
  emits: [],
  replies: { ttl_ms: 'how long it lasts from now without a renewal' },
  errors: [...LEASE_ERRORS, 'lease not found: it has ended, or somebody else has got it'],
  demands(call) {
    const { node_id: node, resource, epoch = 0, token = 0 } = call.request;
    return leaseDemands(call, challenges.leaseRenew(node, epoch, token, resource));
  },
  decide(call) {
    requireHolder(call);
    const lease = leaseOf(call.state, call.request);
    if (lease === undefined || !isRunning(lease, call.monotonicMs())) {
      return refuse('conflict', 'lease not found: it has ended, or somebody else has got it');
    }
    return { reply: { ttl_ms: lease.ttlMs }, reads: lease.grantedBy, renews: lease.resource };
  },
});
