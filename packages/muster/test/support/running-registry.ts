import { runCli } from '../../src/index.ts';
import { TestIo } from './test-io.ts';

/** The line that says that a registry is ready. */
export interface Ready {
  readonly event: 'ready';
  readonly version: string;
  readonly pid: number;
  readonly address: string;
  readonly http: string | null;
  readonly tlsFingerprint: string | null;
  readonly data: string | null;
  readonly durability: string;
  readonly adminTokenFile: string | null;
  readonly recovery: {
    readonly created: boolean;
    readonly cleanEnd: boolean;
    readonly tornBytes: number;
  } | null;
  readonly warnings: readonly string[];
}

/** A registry that the command line runs, in this process. */
export interface RunningRegistry extends AsyncDisposable {
  readonly io: TestIo;
  readonly ready: Ready;
  /** Stops it; resolves with its exit code. */
  stop(): Promise<number>;
}

/** Starts `muster <args> --json` on a free port of the loopback; rejects when it ends before it is ready. */
export async function startRegistry(args: readonly string[], io = new TestIo()): Promise<RunningRegistry> {
  const address = args.includes('--registry-addr') ? [] : ['--registry-addr', '127.0.0.1:0'];
  const ended = runCli([...args, ...address, '--json'], io);
  const text = await Promise.race([
    io.printed('\n'),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${io.written.stderr}`))),
  ]);
  const stop = async (): Promise<number> => {
    io.stop();
    return await ended;
  };
  return {
    io,
    ready: JSON.parse(text) as Ready,
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}
