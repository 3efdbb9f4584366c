/**
 * Members from files (coordination spec 18.4): a list that somebody writes, a folder where each agent announces itself, or both.
 *
 * Fault model: the list may be missing, half-written or wrong; then the last view stays, and an error is logged once for each
 * version of it. An agent that dies leaves its entry; that counts as not ready after 30 s, and as gone after 120 s. Clocks of
 * the agents of one folder are those of its file system and this host.
 */

import type { Clock, Logger, TimerHandle, Timers } from '@muster/core';
import type { MemberFiles } from './files.ts';
import { formatMemberEntry, type MemberEntry, parseMemberEntry, parseMembersFile } from './member-file.ts';
import { type OwnEntry, ViewedMembers } from './members.ts';

const CHECK_MS = 1_000;
const TOUCH_MS = 10_000;
const SILENT_AFTER_MS = 30_000;
const GONE_AFTER_MS = 120_000;

export interface FileMembersParts {
  readonly self: string;
  /** The list; checked every second. */
  readonly file?: string | undefined;
  /** The folder of announcements. */
  readonly announceFolder?: string | undefined;
  /** What this agent announces in the folder. */
  readonly own: () => OwnEntry;
  readonly files: MemberFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

interface Announced {
  readonly version: string;
  readonly changedAt: number;
  /** Undefined when it cannot be read. */
  readonly entry: MemberEntry | undefined;
}

export class FileMembers extends ViewedMembers {
  readonly #parts: FileMembersParts;
  readonly #logger: Logger;
  readonly #announced = new Map<string, Announced>();
  #listed: readonly MemberEntry[] | undefined;
  #version = '';
  #complaint = '';
  #timers: readonly TimerHandle[] = [];
  #isReady = true;
  #checking: Promise<void> | undefined;
  #announcing: Promise<void> = Promise.resolve();

  constructor(parts: FileMembersParts) {
    super(parts.self);
    this.#parts = parts;
    this.#logger = parts.logger;
  }

  /** Rejects when the own entry cannot be written. A list that is missing is waited for. */
  async start(): Promise<void> {
    const { timers, announceFolder } = this.#parts;
    if (announceFolder !== undefined) await this.#announce(announceFolder);
    await this.check();
    this.#timers = [
      timers.every(CHECK_MS, () => void this.check()),
      timers.every(TOUCH_MS, () => void this.announce()),
    ];
  }

  /** Ends the checks, and announces this agent as not ready (20.4). */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    this.#timers = [];
    this.#isReady = false;
    await this.announce();
    await this.#checking;
  }

  /** Announces the own entry once more, for example because its addresses have changed. Never rejects. */
  async announce(): Promise<void> {
    const { announceFolder } = this.#parts;
    if (announceFolder === undefined) return;
    try {
      await this.#announce(announceFolder);
    } catch (error) {
      this.#logger.warn({ subsystem: 'members', err: error }, 'the own entry cannot be announced');
    }
  }

  /** Looks at the files once. Never rejects. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  /** One write after the other, so that what is true last is what others see. */
  #announce(folder: string): Promise<void> {
    const writing = this.#announcing.then(async () => {
      const entry = { node: this.#parts.own(), isReady: this.#isReady };
      await this.#parts.files.write(join(folder, fileNameOf(this.self())), formatMemberEntry(entry));
    });
    this.#announcing = writing.catch(() => {});
    return writing;
  }

  async #check(): Promise<void> {
    const { file, announceFolder } = this.#parts;
    try {
      if (file !== undefined) await this.#readList(file);
      if (announceFolder !== undefined) await this.#readFolder(announceFolder);
      this.#complaint = '';
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.#complaint) {
        this.#logger.error(
          { subsystem: 'members', err: error },
          'the members cannot be read; the last view stays',
        );
      }
      this.#complaint = text;
      return;
    }
    this.#publish();
  }

  async #readList(path: string): Promise<void> {
    const version = await this.#parts.files.version(path);
    if (version === this.#version) return;
    const entries = parseMembersFile(await this.#parts.files.read(path));
    this.#version = version;
    this.#listed = entries;
  }

  async #readFolder(folder: string): Promise<void> {
    const { files, clock } = this.#parts;
    const found = await files.list(folder);
    const names = new Set(found.map(({ name }) => name));
    for (const name of this.#announced.keys()) if (!names.has(name)) this.#announced.delete(name);
    for (const { name, version, changedAt } of found) {
      const known = this.#announced.get(name);
      if (clock.now() - changedAt >= GONE_AFTER_MS) {
        this.#announced.delete(name);
        await files.remove(join(folder, name));
      } else if (known?.version !== version) {
        const entry = await this.#readEntry(join(folder, name));
        this.#announced.set(name, { version, changedAt, entry });
      }
    }
  }

  /** One agent's broken entry must not hide the others. */
  async #readEntry(path: string): Promise<MemberEntry | undefined> {
    try {
      return parseMemberEntry(await this.#parts.files.read(path));
    } catch (error) {
      this.#logger.warn({ subsystem: 'members', path, err: error }, 'an announced entry cannot be read');
      return undefined;
    }
  }

  #publish(): void {
    const now = this.#parts.clock.now();
    const entries = new Map((this.#listed ?? []).map((entry) => [entry.node.id, entry]));
    for (const { changedAt, entry } of this.#announced.values()) {
      if (entry === undefined) continue;
      const { node } = entry;
      const isFresh = node.id === this.self() || now - changedAt < SILENT_AFTER_MS;
      entries.set(node.id, { node, isReady: entry.isReady && isFresh });
    }
    const all = [...entries.values()];
    this.view.replace({
      ready: all.filter(({ isReady }) => isReady).map(({ node }) => node),
      bootstrap: all.map(({ node }) => node).filter(({ p2pAddrs }) => p2pAddrs.length > 0),
      running: all.length,
    });
  }
}

/** The file of an agent: its id, with what might not be a file name written as `%xx`. */
export function fileNameOf(id: string): string {
  return `${encodeURIComponent(id).replaceAll('.', '%2E').replaceAll('*', '%2A')}.json`;
}

function join(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, '')}/${name}`;
}
