import type { Envelope, PleasePullResultMessage, WireTime } from '../../src/wire/envelope.ts';

/** Messages as the vectors write them: absent keys are defaults, enums short names or numbers. */
export type JsonMessage = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const CLASSES = ['UNSPECIFIED', 'AUTH', 'NOT_FOUND', 'RATE_LIMITED', 'TRANSIENT'];
const KINDS = ['UNSPECIFIED', 'BLOB', 'MANIFEST', 'CONFIG'];
const OUTCOMES = ['UNSPECIFIED', 'ALREADY_PULLING', 'STARTED', 'RECENTLY_FAILED'];

function enumOf(names: readonly string[], value: unknown): number {
  if (value === undefined) return 0;
  return typeof value === 'number' ? value : names.indexOf(value as string);
}

function timeOf(value: unknown): WireTime | undefined {
  if (value === undefined) return undefined;
  const { seconds = 0, nanos = 0 } = value as { seconds?: number; nanos?: number };
  return { seconds, nanos };
}

function resultOf(value: Readonly<Record<string, unknown>>): PleasePullResultMessage {
  return {
    digest: (value['digest'] ?? '') as string,
    outcome: enumOf(OUTCOMES, value['outcome']),
    startedAt: timeOf(value['started_at']),
    cooldownUntil: timeOf(value['cooldown_until']),
    failureClass: enumOf(CLASSES, value['failure_class']),
  };
}

/** The envelope that a vector describes. */
export function envelopeOfJson(json: JsonMessage, extension: Record<string, number> = {}): Envelope {
  const [type, fields] = Object.entries(json)[0] as [Envelope['type'], Readonly<Record<string, unknown>>];
  switch (type) {
    case 'pull_intent_request':
      return { type, message: { digest: (fields['digest'] ?? '') as string } };
    case 'pull_intent_response':
      return {
        type,
        message: {
          hasCached: fields['has_cached'] === true,
          inFlight: fields['in_flight'] === true,
          startedAt: timeOf(fields['started_at']),
          hrwRank: (fields['hrw_rank'] ?? 0) as number,
          recentlyFailed: fields['recently_failed'] === true,
          cooldownUntil: timeOf(fields['cooldown_until']),
          failureClass: enumOf(CLASSES, fields['failure_class']),
          progressBytes: extension['progress_bytes'],
          totalBytes: extension['total_bytes'],
        },
      };
    case 'please_pull_request':
      return {
        type,
        message: {
          digests: (fields['digests'] ?? []) as string[],
          upstreamRegistry: (fields['upstream_registry'] ?? '') as string,
          repository: (fields['repository'] ?? '') as string,
          kind: enumOf(KINDS, fields['kind']),
        },
      };
    case 'please_pull_response':
      return {
        type,
        message: { results: ((fields['results'] ?? []) as Record<string, unknown>[]).map(resultOf) },
      };
  }
}

export interface EnvelopeVectors {
  readonly canonical: readonly {
    name: string;
    message: JsonMessage;
    envelope_hex: string;
    frame_hex: string;
  }[];
  readonly tolerated_on_receive: readonly {
    name: string;
    envelope_hex: string;
    frame_hex: string;
    decodes_to: JsonMessage;
  }[];
  readonly rejected: readonly {
    name: string;
    received_by: 'server' | 'client';
    frame_hex: string | null;
    reason: string;
  }[];
  readonly batch_behaviour: readonly {
    name: string;
    request_frame_hex?: string;
    pump?: string | null;
    reply_frame_hex: string;
    stream_errors?: number;
    served?: number;
    started?: number;
    client_sees?: readonly Record<string, unknown>[];
  }[];
  readonly size_boundary: readonly {
    envelope_length: number;
    accepted: boolean;
    prefix_hex: string;
    frame_length: number;
    frame_sha256: string;
    reply_frame_hex: string | null;
  }[];
  readonly extension_fields: readonly {
    name: string;
    base_message: JsonMessage;
    extension: Record<string, number>;
    envelope_hex: string;
    frame_hex: string;
  }[];
}
