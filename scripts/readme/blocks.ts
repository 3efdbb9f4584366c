/**
 * Shell blocks of a Markdown page, and how each is executed. The word after `sh` says it:
 *
 * - `sh run`: runs to its end and succeeds;
 * - `sh start <text>`: keeps running; it is ready when it prints `<text>`, stays while the blocks after it run, and ends
 *   cleanly on SIGTERM;
 * - `sh shown <reason>`: is not executed, for the reason given.
 *
 * A shell block without such a word is an error: nothing is shown that nobody runs.
 */

/** One shell block. */
export interface ShellBlock {
  readonly mode: 'run' | 'start' | 'shown';
  /** The text to wait for, or the reason. */
  readonly argument: string;
  readonly script: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

/** @throws Error that names the line, for a block that does not say how it is executed. */
export function shellBlocks(markdown: string): readonly ShellBlock[] {
  const blocks: ShellBlock[] = [];
  let open:
    | { readonly fence: string; readonly info: string; readonly line: number; script: string[] }
    | undefined;
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^ {0,3}(`{3,}|~{3,})(.*)$/.exec(text);
    if (open === undefined) {
      if (fence !== null)
        open = { fence: fence[1] as string, info: (fence[2] as string).trim(), line: index + 1, script: [] };
    } else if (fence !== null && fence[2]?.trim() === '' && (fence[1] as string).startsWith(open.fence)) {
      const block = shellBlock(open.info, open.script.join('\n'), open.line);
      if (block !== undefined) blocks.push(block);
      open = undefined;
    } else open.script.push(text);
  }
  return blocks;
}

function shellBlock(info: string, script: string, line: number): ShellBlock | undefined {
  const [language, mode, ...rest] = info.split(/\s+/);
  if (!/^(sh|bash|shell|console)$/.test(language ?? '')) return undefined;
  const argument = rest.join(' ');
  const isComplete = mode === 'run' || ((mode === 'start' || mode === 'shown') && argument !== '');
  if (!isComplete) {
    throw new Error(`line ${line}: say \`sh run\`, \`sh start <text when ready>\` or \`sh shown <reason>\``);
  }
  return { mode, argument, script, line };
}
