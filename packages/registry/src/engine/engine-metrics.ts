import type { Counter, Histogram, MetricsRegistry } from '@muster/core';
import type { RegistryEvent } from '../model/events.ts';
import { legacyOperations, operations } from '../operations/index.ts';

const DURATION_BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
];

/** Audit actions that this version can write (spec 13.1). */
const AUDIT_ACTIONS = [
  'node.registered',
  'node.re_registered',
  'node.deregistered',
  'node.reaped',
  'node.rebind_rejected',
  'node.register_ratchet_rejected',
  'node.recovered',
  'hostname.changed',
  'tags.changed',
  'visibility.changed',
  'key.rotated',
  'key.expiry_set',
  'key.expiry_cleared',
  'key.expired_heartbeat_blocked',
  'key.v2_ratchet_cleared',
  'trust.created',
  'trust.revoked',
  'network.created',
  'network.deleted',
  'network.renamed',
  'network.joined',
  'network.left',
  'network.enterprise_changed',
  'network.owner_lost',
  'identity.external_id_set',
  'identity.badge_submitted',
  'identity.recovery_enrolled',
  'idp.configured',
  'breaker.set',
  'breaker.delete',
] as const;

const LEASE_EVENTS = ['granted', 'done', 'given_up', 'expired'] as const;

/** What is counted of one operation; looked up once, counted with additions. */
export class OperationMetrics {
  readonly requests: Counter;
  readonly errors: Counter;
  readonly duration: Histogram;

  constructor(requests: Counter, errors: Counter, duration: Histogram) {
    this.requests = requests;
    this.errors = errors;
    this.duration = duration;
  }

  count(elapsedMs: number): void {
    this.requests.value += 1;
    this.duration.observe(elapsedMs / 1000);
  }

  /** Counts requests that were answered together, each with its share of the time. */
  countMany(requests: number, elapsedMs: number): void {
    this.requests.value += requests;
    this.duration.observeMany(elapsedMs / 1000 / requests, requests);
  }
}

/** The counters of the engine (spec 15). Types and actions are declared, so strangers can't add labels (B-07). */
export class EngineMetrics {
  readonly unknown: OperationMetrics;
  readonly recoveredPanics: Counter;
  readonly idpVerifications: Counter;
  readonly registrations: Counter;
  readonly deregistrations: Counter;
  readonly trustReports: Counter;
  readonly trustRevocations: Counter;
  readonly keyRotations: Counter;
  readonly walFull: Counter;
  readonly suspectedReplays: Counter;
  readonly auditEvents: Counter;
  readonly #leases: (event: (typeof LEASE_EVENTS)[number]) => Counter;
  readonly #operation: (type: string) => OperationMetrics;
  readonly #audit: (action: string) => Counter;

  constructor(registry: MetricsRegistry) {
    const type = [...operations, ...legacyOperations].map((row) => row.type);
    const labels = { type: [...type, 'unknown'] };
    const requests = registry.counterFamily('pilot_requests_total', 'Requests by type.', labels);
    const errors = registry.counterFamily(
      'pilot_errors_total',
      'Requests answered with an error, by type.',
      labels,
    );
    const durations = registry.histogramFamily(
      'pilot_request_duration_seconds',
      'Time from a request to its answer, without waiting for the disk.',
      labels,
      DURATION_BOUNDS_SECONDS,
    );
    this.#operation = (name) =>
      new OperationMetrics(
        requests.with({ type: name }),
        errors.with({ type: name }),
        durations.with({ type: name }),
      );
    this.unknown = this.#operation('unknown');
    const actions = registry.counterFamily('pilot_audit_action_total', 'Audit entries by action.', {
      action: AUDIT_ACTIONS,
    });
    this.#audit = (action) => actions.with({ action });
    this.auditEvents = registry.counter('pilot_audit_events_total', 'Audit entries.');
    this.recoveredPanics = registry.counter('pilot_recovered_panics_total', 'Request handlers that failed.');
    this.idpVerifications = registry.counter(
      'pilot_idp_verifications_total',
      'Tokens of the identity provider checked.',
    );
    this.registrations = registry.counter(
      'pilot_registrations_total',
      'Registrations of new and returning nodes.',
    );
    this.deregistrations = registry.counter('pilot_deregistrations_total', 'Nodes that left.');
    this.trustReports = registry.counter('pilot_trust_reports_total', 'Trust reports.');
    this.trustRevocations = registry.counter('pilot_trust_revocations_total', 'Trust revocations.');
    this.walFull = registry.counter(
      'pilot_wal_full_total',
      'Writes refused because too many wait for the disk.',
    );
    this.suspectedReplays = registry.counter(
      'muster_signature_replays_suspected_total',
      'Signatures used before that came from another address.',
    );
    const leases = registry.counterFamily(
      'muster_leases_total',
      'Leases granted, and how they ended: released as done or given up, or not renewed in time.',
      { event: LEASE_EVENTS },
    );
    this.#leases = (event) => leases.with({ event });
    this.keyRotations = registry.counter('pilot_key_rotations_total', 'Keys rotated or recovered.');
  }

  operation(type: string): OperationMetrics {
    return this.#operation(type);
  }

  countAudit(action: string): void {
    this.auditEvents.add();
    this.#audit(action).add();
  }

  countEvents(events: readonly RegistryEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'node.registered':
        case 'node.reclaimed':
          this.registrations.add();
          break;
        case 'node.deregistered':
          this.deregistrations.add();
          break;
        case 'trust.reported':
          this.trustReports.add();
          break;
        case 'trust.revoked':
          this.trustRevocations.add();
          break;
        case 'key.rotated':
        case 'key.recovered':
          this.keyRotations.add();
          break;
        case 'lease.granted':
          this.#leases('granted').add();
          break;
        case 'lease.released':
          this.#leases(event.why).add();
          break;
        default:
      }
    }
  }
}
