import process from 'node:process';

/** A terminal that a person sits at, for programs that use all of it. */
export interface Terminal {
  /** In characters, as it is now. */
  size(): { readonly columns: number; readonly rows: number };
  write(text: string): void;
  /**
   * Takes the whole screen, and keys as they are pressed, until the function that it returns is called. The terminal is put back as
   * it was whatever ends the process, unless that is SIGKILL.
   */
  open(handlers: { readonly onInput: (text: string) => void; readonly onResize: () => void }): () => void;
}

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const LEAVE = '\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l';
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** The terminal of this process; undefined when input or output is something else. */
export function processTerminal(): Terminal | undefined {
  const { stdin, stdout } = process;
  if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
  return {
    size: () => ({
      columns: stdout.columns > 0 ? stdout.columns : DEFAULT_SIZE.columns,
      rows: stdout.rows > 0 ? stdout.rows : DEFAULT_SIZE.rows,
    }),
    write: (text) => void stdout.write(text),
    open: ({ onInput, onResize }) => {
      let isOpen = true;
      const take = (): void => {
        stdin.setRawMode(true);
        stdout.write(ENTER);
      };
      const close = (): void => {
        if (!isOpen) return;
        isOpen = false;
        process.off('exit', close);
        process.off('SIGCONT', resume);
        stdin.off('data', onInput);
        stdout.off('resize', onResize);
        try {
          stdin.setRawMode(false);
        } catch {
          // The terminal has gone.
        }
        stdin.pause();
        stdout.write(LEAVE);
      };
      const resume = (): void => {
        take();
        onResize();
      };
      process.on('exit', close);
      process.on('SIGCONT', resume);
      stdin.setEncoding('utf8').on('data', onInput);
      stdout.on('resize', onResize);
      stdin.resume();
      take();
      return close;
    },
  };
}
