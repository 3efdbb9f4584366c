/**
 * What `muster doctor` looks at, whoever named it: the file of a fleet, the configuration of services, or flags. Each part carries
 * the setting that decides it, so that a finding can say what to change.
 */
import type { Secret } from '@muster/core';
import type { TlsOptions } from '@muster/client';
import type { Finding } from './finding.ts';
import type { FleetRole, MemberState } from '../fleet/fleet-file.ts';
import type { ListenAddress } from '../settings/address.ts';

/** A file that only its owner may read. */
export interface SecretFile {
  /** `key`: Ed25519 in PEM or in libp2p's form; `psk`: swarm key; `token`: one line of text; `tls-key`: PEM of any kind. */
  readonly kind: 'key' | 'psk' | 'token' | 'tls-key';
  /** Whose it is; two of the same owner may be the same key. */
  readonly owner: string;
  readonly path: string;
  readonly setting: string;
  /** Whether the service makes the file when it is missing. */
  readonly isMade: boolean;
  /** Of a key pair in two files: the public half. */
  readonly publicPath?: string;
}

/** A folder in which a service keeps what it has acknowledged. */
export interface DataFolder {
  readonly owner: string;
  readonly path: string;
  readonly setting: string;
  /** Others may not even read it. */
  readonly isSecret: boolean;
  /** How long a sync takes matters. */
  readonly isDurable: boolean;
}

/** A TCP port that a service listens on. */
export interface ListenPort {
  readonly owner: string;
  readonly address: ListenAddress;
  readonly setting: string;
  /** Whether it is known to run, and as which process. Undefined: nobody knows. */
  readonly running: { readonly pid: number | undefined } | undefined;
}

/** Something that answers over HTTP. */
export interface Endpoint {
  readonly owner: string;
  readonly kind: 'registry' | 'status' | 'mirror';
  /** `host:port` */
  readonly address: string;
  readonly setting: string;
  /** Whether it should be there; else it may be about to be started. */
  readonly isExpected: boolean;
}

/** Something that takes TCP connections. */
export interface Target {
  readonly owner: string;
  readonly address: ListenAddress;
  readonly setting: string;
  readonly isExpected: boolean;
}

/** A registry, as a client reaches it. */
export interface RegistryPlace {
  /** `host:port` */
  readonly address: string;
  readonly setting: string;
  readonly isExpected: boolean;
  readonly tls: false | TlsOptions;
  readonly adminToken: Secret | undefined;
  /** Network whose members the peers of the overlay should be; undefined = not compared. */
  readonly network: number | undefined;
}

/** A process that should be there. */
export interface ExpectedMember {
  readonly name: string;
  readonly role: FleetRole;
  readonly state: MemberState;
  readonly pid: number | undefined;
  readonly peerId: string | undefined;
  readonly nodeId: number | undefined;
}

export interface Subject {
  /** Where all this is from, for a person. */
  readonly from: readonly string[];
  /** What was found when it was put together: configuration that is refused. */
  readonly configuration: readonly Finding[];
  readonly secrets: readonly SecretFile[];
  readonly folders: readonly DataFolder[];
  readonly ports: readonly ListenPort[];
  readonly endpoints: readonly Endpoint[];
  readonly targets: readonly Target[];
  /** URLs of container registries. */
  readonly origins: readonly { readonly url: string; readonly setting: string }[];
  readonly registries: readonly RegistryPlace[];
  readonly members: readonly ExpectedMember[];
  /** Files that say that a fleet runs, with the process that wrote them. */
  readonly fleetFiles: readonly { readonly path: string; readonly pid: number }[];
}

export const NOTHING: Subject = {
  from: [],
  configuration: [],
  secrets: [],
  folders: [],
  ports: [],
  endpoints: [],
  targets: [],
  origins: [],
  registries: [],
  members: [],
  fleetFiles: [],
};

/** Everything of several subjects. */
export function together(subjects: readonly Subject[]): Subject {
  const all = <K extends keyof Subject>(key: K): Subject[K] =>
    subjects.flatMap((subject) => subject[key] as readonly unknown[]) as unknown as Subject[K];
  return {
    from: all('from'),
    configuration: all('configuration'),
    secrets: all('secrets'),
    folders: all('folders'),
    ports: all('ports'),
    endpoints: all('endpoints'),
    targets: all('targets'),
    origins: all('origins'),
    registries: all('registries'),
    members: all('members'),
    fleetFiles: all('fleetFiles'),
  };
}
