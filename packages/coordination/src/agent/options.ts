import type { Clock, Leases, Logger, Random, Timers } from '@muster/core';
import type { CoordinationConfig } from '../config/coordination-config.ts';
import type { CredentialsReader } from '../origin/credentials.ts';
import type { ContentSource } from '../source/content-source.ts';
import type { StoreFiles } from '../store/files.ts';
import type { AgentNetwork } from './network.ts';
import type { MemberSources } from './open-members.ts';

export interface AgentOptions {
  readonly config: CoordinationConfig;
  /** Its peer id is the name of the node, unless `node_name` says one. */
  readonly network: AgentNetwork;
  readonly storeFiles: StoreFiles;
  readonly credentials: CredentialsReader;
  readonly memberSources: MemberSources;
  /** Content beside the store (19). @default none */
  readonly source?: ContentSource;
  /** Leases of whoever decides about the fleet; while they are not to be had, the rules of the original hold. @default none */
  readonly leases?: Leases;
  /** The shared secret of the transfer endpoint, if there is one. */
  readonly transferToken?: string;
  readonly version: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
  /** Whether the figures of the process are among the metrics; for one agent of a process. @default true */
  readonly showsProcess?: boolean;
}
