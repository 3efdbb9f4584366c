import type { Config, ConfigSources, ConfigValues, Settings } from '@muster/core';
import type { CliIo } from './io.ts';
import type { Progress } from './progress.ts';

/** An option that belongs to one command and is no setting: what it works on. */
export interface Operand {
  /** Without the dashes. */
  readonly name: string;
  /** What stands for the value in the help. */
  readonly value: string;
  readonly description: string;
  readonly required?: boolean;
  /** Says what is wrong with a value, or nothing when it is fine. */
  readonly check?: (value: string) => string | undefined;
}

/** An argument by position. */
export interface Argument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
}

/** What a command is run with. */
export interface CommandContext<S extends Settings = Settings> {
  readonly io: CliIo;
  /** Whether the caller wants JSON. */
  readonly json: boolean;
  readonly config: Config<S>;
  readonly values: ConfigValues<S>;
  /** Operands that were given, by name. */
  readonly operands: Readonly<Record<string, string | undefined>>;
  /** Arguments by position. */
  readonly arguments: readonly string[];
  /** Reports how far long work has come; silent unless a person looks at it. */
  readonly progress: Progress;
  /** Prints a result: `value` as one line of JSON when that is asked for, else the text. */
  print(value: object, text: string): void;
  /** Tells a person something beside the result. */
  note(text: string): void;
}

/** One command: `muster <noun> <verb>`. */
export interface CommandSpec<S extends Settings = Settings> {
  readonly name: string;
  /** One line for lists of commands. */
  readonly summary: string;
  /** What the command's own help begins with. @default the summary */
  readonly description?: string;
  readonly arguments?: readonly Argument[];
  readonly operands?: readonly Operand[];
  readonly settings: S;
  /** Whether it is meant when only the noun of its group is given. @default false */
  readonly isDefault?: boolean;
  /** Whether the settings may come from a file given with --config. @default false */
  readonly takesConfigFile?: boolean;
  /** Files that are read unless they are missing, before that one; names that are no setting are warned of. */
  readonly standardFiles?: readonly string[];
  /** Variables that begin with this and are no setting are warned of. */
  readonly environmentPrefix?: string;
  /** Finds what is wrong with several settings together. */
  readonly check?: NonNullable<ConfigSources['check']>;
  /** Command lines for the help, without the name of the program. */
  readonly examples?: readonly string[];
  /** Returns the exit code; nothing means that all went well. */
  run(context: CommandContext<S>): Promise<number | undefined>;
}

/** A command as the program keeps it: its settings are its own affair. */
export interface AnyCommand extends Omit<CommandSpec, 'run'> {
  run(context: CommandContext): Promise<number | undefined>;
}

/** Declares a command; its settings type what it is run with. */
export function defineCommand<const S extends Settings>(spec: CommandSpec<S>): AnyCommand {
  return { ...spec, run: (context) => spec.run(context as unknown as CommandContext<S>) };
}

/** Commands that share a noun. */
export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly AnyCommand[];
}
