import type { Clock, Logger, Timers } from '@muster/core';
import type { NodeSettings } from '../config/coordination-config.ts';
import { coordinationErrors } from '../errors.ts';
import { FileMembers } from '../members/file-members.ts';
import type { MemberFiles } from '../members/files.ts';
import type { KubeApi } from '../members/kubernetes/kube-api.ts';
import { KubernetesMembers } from '../members/kubernetes/kubernetes-members.ts';
import { SelfAnnouncer } from '../members/kubernetes/self-announcer.ts';
import type { MemberEntry } from '../members/member-file.ts';
import { type RunningMembers, SingleMember } from '../members/members.ts';
import { ListedMembers } from '../members/registry-members.ts';
import type { OwnEntry } from './own-entry.ts';

const SYNC_MS = 10_000;

/** What sources of members need of the surroundings; each is asked for only by its source. */
export interface MemberSources {
  readonly files: MemberFiles;
  /** Lists the members of a registry's network. */
  readonly list?: (signal: AbortSignal) => Promise<readonly MemberEntry[]>;
  /** Rejects MEMBERS_INVALID outside of a cluster. */
  readonly kubeApi?: () => Promise<KubeApi>;
}

export interface OpenMembersParts {
  readonly self: string;
  readonly settings: NodeSettings;
  readonly own: OwnEntry;
  readonly sources: MemberSources;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** A source of members, and what announces this node to the others. */
export interface OpenedMembers {
  readonly members: RunningMembers;
  readonly announcer: SelfAnnouncer | undefined;
  /** The own addresses have changed. */
  readonly refresh: () => void;
}

/** The source that is configured, started. Rejects when it cannot be. */
export async function openMembers(parts: OpenMembersParts): Promise<OpenedMembers> {
  const { settings, sources, self, own, clock, timers, logger } = parts;
  switch (settings.membersSource) {
    case 'kubernetes':
      return openKubernetes(parts);
    case 'file': {
      const { membersFile, announceFolder } = settings;
      const members = new FileMembers({
        self,
        file: membersFile === '' ? undefined : membersFile,
        announceFolder: announceFolder === '' ? undefined : announceFolder,
        own: () => own.node(),
        files: sources.files,
        clock,
        timers,
        logger,
      });
      await members.start();
      return { members, announcer: undefined, refresh: () => void members.announce() };
    }
    case 'registry': {
      const { list } = sources;
      if (list === undefined) throw missing('a registry');
      const members = new ListedMembers({ self, list, timers, logger });
      await members.start();
      return { members, announcer: undefined, refresh: () => undefined };
    }
    case 'single':
      return openSingle(parts);
  }
}

/** Waits for the first view, for 10 s at most. Never rejects: readiness says what is missing (20.1). */
export async function waitForSync(
  members: RunningMembers,
  { timers, logger }: Pick<OpenMembersParts, 'timers' | 'logger'>,
): Promise<void> {
  const limit = new AbortController();
  const timer = timers.after(SYNC_MS, () => limit.abort(new Error(`not within ${SYNC_MS} ms`)));
  try {
    await members.waitForSync(limit.signal);
  } catch (error) {
    logger.warn({ err: error }, 'the members are not known yet');
  } finally {
    timer.cancel();
  }
}

/** This node alone. */
export async function openSingle({
  self,
  own,
}: Pick<OpenMembersParts, 'self' | 'own'>): Promise<OpenedMembers> {
  const members = new SingleMember(self, () => own.node());
  await members.start();
  return { members, announcer: undefined, refresh: () => members.refresh() };
}

async function openKubernetes(parts: OpenMembersParts): Promise<OpenedMembers> {
  const { settings, sources, self, own, timers, logger } = parts;
  if (sources.kubeApi === undefined) throw missing('Kubernetes');
  const api = await sources.kubeApi();
  const { podName, membersNamespace: namespace, labelSelector, zoneLabel } = settings;
  const members = new KubernetesMembers({
    self,
    podName,
    namespace,
    labelSelector,
    zoneLabel,
    transferPort: own.transferPort,
    api,
    timers,
    logger,
  });
  await members.start();
  const announcer = new SelfAnnouncer({
    api,
    namespace,
    podName,
    announcement: () => {
      const { addr, peerId, p2pAddrs } = own.node();
      return { transferAddress: addr, peerId, p2pAddresses: p2pAddrs };
    },
    seen: () => members.ownAnnotations(),
    timers,
    logger,
  });
  return { members, announcer, refresh: () => announcer.refresh() };
}

function missing(what: string): Error {
  return coordinationErrors.create('MEMBERS_INVALID', `this program cannot get members from ${what}`);
}
