/** Whether data folders can be used by this user, and read by nobody who should not. */
import { type Finding, ok, problem, warning } from '../finding.ts';
import type { LookedAt } from '../probes/file.ts';
import type { DataFolder } from '../subject.ts';
import { octal } from './keys.ts';

const WRITABLE_BY_GROUP_OR_OTHERS = 0o022;
const GROUP_AND_OTHERS = 0o077;

/** @param uid of this user; undefined where the system has none */
export function examineFolder(
  { owner, path, setting, isSecret }: DataFolder,
  look: LookedAt,
  uid: number | undefined,
): Finding {
  const what = `data folder of ${owner}`;
  if (look.kind === 'failure') {
    if (look.code === 'ENOENT') return ok(what, `${path} is not there yet; the service makes it`);
    return problem(
      what,
      `${path} can't be looked at (${look.code})`,
      `Change ${setting}, or the rights of the folders above.`,
    );
  }
  const { kind, mode, uid: folderOwner, isWritable } = look.facts;
  if (kind !== 'folder') return problem(what, `${path} is no folder`, `Change ${setting}.`);
  if (!isWritable)
    return problem(
      what,
      `this user can't write to ${path}`,
      `Run this as the user of the service, or: chown ${uid ?? '<user>'} ${path}; or change ${setting}.`,
    );
  if (mode !== undefined && (mode & WRITABLE_BY_GROUP_OR_OTHERS) !== 0)
    return problem(
      what,
      `${path} has mode ${octal(mode)}: others can change what is in it`,
      `chmod 700 ${path}`,
    );
  if (mode !== undefined && isSecret && (mode & GROUP_AND_OTHERS) !== 0)
    return warning(
      what,
      `${path} has mode ${octal(mode)}: others can read everything the service knows`,
      `chmod 700 ${path}`,
    );
  if (uid !== undefined && uid !== 0 && folderOwner !== uid)
    return warning(
      what,
      `${path} belongs to user ${folderOwner}, this is user ${uid}`,
      `chown ${uid} ${path}`,
    );
  return ok(what, `${path}${mode === undefined ? '' : ` has mode ${octal(mode)}`}`);
}
