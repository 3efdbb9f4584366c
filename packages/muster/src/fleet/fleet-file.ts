/**
 * `fleet.json` in the folder of a fleet: what runs, and where. `muster dev` writes it, mode 0600, and removes it at a clean end;
 * `muster demo`, `find`, `top` and `doctor` read it. It holds paths of secrets, never secrets.
 */

export type FleetRole = 'registry' | 'indexer' | 'node' | 'mirror' | 'origin';
export type MemberState = 'starting' | 'running' | 'paused' | 'killed' | 'stopped' | 'failed';

/** One process of the fleet. Addresses are `host:port`. */
export interface FleetMember {
  readonly name: string;
  readonly role: FleetRole;
  readonly state: MemberState;
  /** Undefined while it does not run. */
  readonly pid?: number;
  readonly peerId?: string;
  /** Number in the registry. */
  readonly nodeId?: number;
  /** libp2p multiaddr with `/p2p`; of the registry and the origin the TCP address. */
  readonly address?: string;
  /** Status endpoint of a node or indexer, monitoring of a mirror, HTTP of the registry. */
  readonly status?: string;
  /** Where a container runtime connects, of a mirror. */
  readonly mirror?: string;
  /** It lies, for a demo. */
  readonly misbehaves?: 'lie';
}

/** The whole file. */
export interface FleetFile {
  readonly version: 1;
  readonly musterVersion: string;
  /** Of the supervisor. */
  readonly pid: number;
  readonly startedAt: number;
  readonly folder: string;
  /** `http://127.0.0.1:<port>/` */
  readonly page: string;
  readonly control: { readonly url: string; readonly tokenFile: string };
  readonly registry: {
    readonly address: string;
    readonly http: string;
    readonly adminTokenFile: string;
    /** The network that all members are in. */
    readonly network: number;
  };
  readonly pskFile: string;
  /** A real image layout, served by the `origin` member, which counts what it is asked for. */
  readonly origin: {
    /** `http://host:port` */
    readonly url: string;
    /** Name under which mirrors know it: `--upstream-registries <name>=<url>`. */
    readonly registry: string;
    readonly repository: string;
    readonly tag: string;
    readonly digest: string;
    readonly bytes: number;
  };
  readonly members: readonly FleetMember[];
}
