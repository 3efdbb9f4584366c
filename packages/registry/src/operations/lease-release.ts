import { challenges } from './common.ts';
import { field } from './fields.ts';
import { heldLeaseFields, LEASE_ERRORS, leaseDemands, leaseOf } from './leases.ts';
import { defineOperation } from './operation.ts';

const fields = {
  ...heldLeaseFields,
  done: field.bool('the work is done, and its result is to be had from the node: later wishes are told so'),
};

/** A lease is given back. One that has ended, too, as long as nobody else has got it. */
export const leaseRelease = defineOperation<typeof fields>({
  type: 'lease_release',
  summary: 'Gives a lease back, and says whether its work is done. A second time it does nothing.',
  section: 'Muster',
  fields,
  auth: 'signature',
  challenge: 'lease_release:<node_id>:<epoch>:<token>:<resource>',
  standby: false,
  emits: ['lease.released'],
  replies: { released: 'whether the node still had it' },
  errors: LEASE_ERRORS.slice(0, 2),
  demands(call) {
    const { node_id: node, resource, epoch = 0, token = 0 } = call.request;
    return leaseDemands(call, challenges.leaseRelease(node, epoch, token, resource));
  },
  decide({ state, request, now }) {
    const lease = leaseOf(state, request);
    if (lease === undefined) return { reply: { released: false } };
    const { resource, token } = lease;
    const why = request.done ? 'done' : 'given_up';
    const isFull = request.done && state.leases.done.size >= state.limits.maxDoneLeases;
    const forgets = isFull ? state.leases.oldestDone : undefined;
    return {
      reply: { released: true },
      events: [
        {
          type: 'lease.released',
          resource,
          token,
          at: now,
          why,
          ...(forgets === undefined ? {} : { forgets }),
        },
      ],
    };
  },
});
