/**
 * Blocks of a Markdown page that are executed, and how. The words after the language say it:
 *
 * - `sh run`: runs to its end and succeeds; `sh run exit <code>`: ends with that code;
 * - `sh start <text>`: keeps running; it is ready when it prints `<text>`, stays while the blocks after it run, and ends
 *   cleanly on SIGTERM;
 * - `sh stop <text>`: the one that was started with this text is ended, as Ctrl-C does it; what it shows is for a person;
 * - `sh shown <reason>`: is not executed, for the reason given;
 * - `<language> file <name>`: is written to a file of that name, in the folder where the blocks run;
 * - `text output`: lines that the block before it prints, in this order; `…` stands for anything, within a line or for lines.
 *
 * A shell block without such a word is an error: nothing is shown that nobody runs.
 */

/** One block. */
export interface Block {
  readonly mode: 'run' | 'start' | 'stop' | 'shown' | 'file' | 'output';
  /** The text to wait for, the reason, or the name of the file. */
  readonly argument: string;
  /** With which a `run` ends. */
  readonly exitCode: number;
  readonly text: string;
  /** 1-based line of the opening fence. */
  readonly line: number;
}

/** @throws Error that names the line, for a block that does not say how it is executed. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  let open:
    | {
        readonly fence: string;
        readonly indent: number;
        readonly info: string;
        readonly line: number;
        text: string[];
      }
    | undefined;
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^( {0,3})(`{3,}|~{3,})(.*)$/.exec(text);
    if (open === undefined) {
      if (fence !== null) {
        const [, indent = '', marks = '', info = ''] = fence;
        open = { fence: marks, indent: indent.length, info: info.trim(), line: index + 1, text: [] };
      }
    } else if (fence !== null && fence[3]?.trim() === '' && (fence[2] as string).startsWith(open.fence)) {
      const block = blockOf(open.info, open.text.join('\n'), open.line);
      if (block !== undefined) blocks.push(block);
      open = undefined;
    } else open.text.push(text.slice(Math.min(open.indent, text.search(/\S|$/))));
  }
  return blocks;
}

function blockOf(info: string, text: string, line: number): Block | undefined {
  const [language = '', mode, ...rest] = info.split(/\s+/);
  const argument = rest.join(' ');
  const block = { argument, exitCode: 0, text, line };
  if (/^(sh|bash|shell|console)$/.test(language)) {
    if ((mode === 'start' || mode === 'stop' || mode === 'shown') && argument !== '')
      return { ...block, mode };
    const [, code = '0'] = /^exit (\d+)$/.exec(argument) ?? [];
    if (mode === 'run' && (argument === '' || code !== '0'))
      return { ...block, mode, argument: '', exitCode: Number(code) };
    throw new Error(
      `line ${line}: say \`sh run\`, \`sh run exit <code>\`, \`sh start <text when ready>\`, \`sh stop <text>\` or \`sh shown <reason>\``,
    );
  }
  if (mode === 'file') {
    if (!/^[\w][\w.-]*$/.test(argument))
      throw new Error(`line ${line}: \`${argument}\` is not the name of a file`);
    return { ...block, mode };
  }
  return language === 'text' && mode === 'output' ? { ...block, mode } : undefined;
}

/** The first line of `wanted` that `printed` lacks, at least in that order; undefined when all are there. */
export function missingLine(wanted: string, printed: string): string | undefined {
  const lines = printed.split('\n').map((line) => line.trim());
  let next = 0;
  for (const text of wanted.split('\n').map((line) => line.trim())) {
    if (text === '' || text === '…') continue;
    const pattern = new RegExp(`^${text.split('…').map(escaped).join('.*')}$`);
    const found = lines.findIndex((line, index) => index >= next && pattern.test(line));
    if (found === -1) return text;
    next = found + 1;
  }
  return undefined;
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/\s+/g, '\\s+');
}
