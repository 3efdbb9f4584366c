export { main } from './main.ts';
export { runCli } from './cli/run-cli.ts';
export type { CliIo, Output } from './cli/io.ts';
