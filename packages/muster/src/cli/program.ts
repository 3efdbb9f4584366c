import { describeFlags } from '@muster/core';
import { Command, Option } from 'commander';
import { dev } from '../commands/dev.ts';
import { find } from '../commands/find.ts';
import { groups } from '../commands/index.ts';
import { join } from '../commands/join.ts';
import { pull } from '../commands/pull.ts';
import { top } from '../commands/top.ts';
import { cliErrors } from './cli-errors.ts';
import type { AnyCommand, CommandContext, CommandGroup, Operand } from './command.ts';
import { exitCodesText, rootHelpText } from './help.ts';
import type { CliIo } from './io.ts';
import { terminalProgress } from './progress.ts';
import { addSettingFlags, loadSettings } from './settings-flags.ts';
import { packageVersion } from './version.ts';

/** Commands without a noun. */
const single: readonly AnyCommand[] = [dev, join, find, pull, top];

/** Every command that stands alone or in a group. */
export const commands: readonly AnyCommand[] = [...single, ...groups.flatMap((group) => group.commands)];

const switches: ReadonlySet<string> = new Set(
  commands.flatMap(({ settings }) =>
    describeFlags(settings).flatMap((flag) => (flag.isNegatable ? [flag.name] : [])),
  ),
);

/** Whether a flag of any command takes no value. */
export function isSwitch(name: string): boolean {
  return switches.has(name);
}

/** The parser for all commands. `exit` hears the exit code of the command that was run. */
export function buildProgram(io: CliIo, exit: (code: number) => void): Command {
  const program = new Command('muster')
    .description('One program with which a fleet of peers calls its own roll: who belongs, where they are.')
    .version(packageVersion(), '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print help.')
    .option('--json', 'Print JSON, for scripts.')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', rootHelpText(io.launcher));
  for (const each of single) addCommand(program, each, io, exit);
  for (const group of groups) addGroup(program, group, io, exit);
  addHelpCommand(program, io);
  return program;
}

function addGroup(program: Command, group: CommandGroup, io: CliIo, exit: (code: number) => void): void {
  const command = program.command(group.name).description(group.summary).helpCommand(false);
  for (const each of group.commands) addCommand(command, each, io, exit);
}

function addCommand(parent: Command, spec: AnyCommand, io: CliIo, exit: (code: number) => void): void {
  const command = parent
    .command(spec.name, { isDefault: spec.isDefault === true })
    .summary(spec.summary)
    .description(spec.description ?? spec.summary);
  for (const { name, description, required } of spec.arguments ?? []) {
    command.argument(required ? `<${name}>` : `[${name}]`, description);
  }
  for (const operand of spec.operands ?? []) {
    const option = new Option(`--${operand.name} <${operand.value}>`, operand.description);
    command.addOption(option.makeOptionMandatory(operand.required ?? false));
  }
  if (spec.takesConfigFile === true) {
    command.option('--config <file>', 'File with settings, YAML or JSON: keys are the names of the flags.');
  }
  addSettingFlags(command, spec.settings);
  const examples = spec.examples ?? [];
  if (examples.length > 0) {
    const lines = examples.map((example) => `  ${io.launcher} ${example}`);
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
  command.action(async () => {
    const context = makeContext(spec, command, io);
    try {
      exit((await spec.run(context)) ?? 0);
    } finally {
      context.progress.end();
    }
  });
}

function makeContext(spec: AnyCommand, command: Command, io: CliIo): CommandContext {
  const options = command.optsWithGlobals<Record<string, unknown>>();
  const json = options['json'] === true;
  const config = loadSettings(spec.settings, options, io, spec);
  return {
    io,
    json,
    config,
    values: config.values,
    operands: readOperands(spec.operands ?? [], options),
    arguments: command.args,
    progress: terminalProgress(io.stderr, !json),
    print: (value, text) => io.stdout.write(`${json ? JSON.stringify(value) : text}\n`),
    note: (text) => {
      if (!json) io.stderr.write(`${text}\n`);
    },
  };
}

function readOperands(
  operands: readonly Operand[],
  options: Readonly<Record<string, unknown>>,
): Record<string, string | undefined> {
  const given: Record<string, string | undefined> = {};
  for (const { name, check } of operands) {
    const value = options[name];
    if (typeof value !== 'string') continue;
    const problem = check?.(value);
    if (problem !== undefined)
      throw cliErrors.create('USAGE', `--${name} ${JSON.stringify(value)}: ${problem}`);
    given[name] = value;
  }
  return given;
}

function addHelpCommand(program: Command, io: CliIo): void {
  program
    .command('help')
    .argument('[command...]', 'What to explain: a command, or exit-codes.')
    .description('Explain a command.')
    .action((topics: readonly string[]) => {
      if (topics[0] === 'exit-codes') {
        io.stdout.write(`${exitCodesText()}\n`);
        return;
      }
      let command = program;
      for (const topic of topics) {
        const next = command.commands.find((each) => each.name() === topic);
        if (next === undefined)
          throw cliErrors.create('USAGE', `there is no command ${JSON.stringify(topics.join(' '))}`);
        command = next;
      }
      command.outputHelp();
    });
}
