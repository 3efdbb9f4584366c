/** A new join line of a fleet that runs on this machine. */
import { readFleetFile } from '../fleet/fleet-files.ts';
import { callControl } from '../fleet/control-call.ts';
import { readSecret } from '../fleet/secret-file.ts';
import type { CommandContext } from '../cli/command.ts';
import type { joinSettings } from '../settings/join-settings.ts';

/** Prints it. Rejects FLEET_NOT_RUNNING, CONTROL_UNREACHABLE and what else the control address rejects. */
export async function printNewLine(context: CommandContext<typeof joinSettings>): Promise<void> {
  const { control } = await readFleetFile(context.values.fleet);
  const answer = (await callControl({
    url: control.url,
    method: 'POST',
    path: '/tickets',
    token: await readSecret(control.tokenFile),
  })) as { readonly line: string; readonly expiresAt: number };
  context.print(answer, `${context.io.launcher} join ${answer.line}`);
}
