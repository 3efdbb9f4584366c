import type { Clock } from '../ports/index.ts';
import { LOG_LEVELS, type LogFields, type Logger, type LogLevel } from './logger.ts';
import { loggableFields } from './redact.ts';
import { formatTextLine } from './text-format.ts';

/** Text for people, or one JSON object per line for machines. */
export type LogFormat = 'text' | 'json';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  readonly clock: Clock;
  /** Takes finished lines; what it throws is swallowed. */
  readonly destination: { write(line: string): void };
}

/** The first logger of a program; its children follow its level. */
export interface RootLogger extends Logger {
  /** The lowest level that is written; may be changed at any time. */
  level: LogLevel;
}

/** Names that a line has of its own; a field of such a name is written with `_` before it. */
const OWN_NAMES = ['time', 'level', 'message'];

/** A logger that redacts, formats and writes. Lines below the level cost one comparison. */
export function createLogger(options: LoggerOptions): RootLogger {
  const threshold = { value: LOG_LEVELS.indexOf(options.level) };
  const logger = makeLogger(options, threshold, {});
  return {
    ...logger,
    get level() {
      return LOG_LEVELS[threshold.value] as LogLevel;
    },
    set level(level) {
      threshold.value = LOG_LEVELS.indexOf(level);
    },
  };
}

function makeLogger(options: LoggerOptions, threshold: { value: number }, bindings: LogFields): Logger {
  const at = (level: LogLevel): Logger['info'] => {
    const rank = LOG_LEVELS.indexOf(level);
    return (fields, message) => {
      if (rank < threshold.value) return;
      writeLine(options, level, { ...bindings, ...prepareFields(fields) }, message);
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => makeLogger(options, threshold, { ...bindings, ...prepareFields(fields) }),
  };
}

function prepareFields(fields: LogFields): Record<string, unknown> {
  const result = loggableFields(fields);
  for (const name of OWN_NAMES) {
    if (!(name in result)) continue;
    result[`_${name}`] = result[name];
    delete result[name];
  }
  return result;
}

function writeLine(options: LoggerOptions, level: LogLevel, fields: LogFields, message: string): void {
  const timeMs = options.clock.now();
  try {
    const line =
      options.format === 'text'
        ? formatTextLine(timeMs, level, message, fields)
        : `${JSON.stringify({ time: new Date(timeMs).toISOString(), level, message, ...fields })}\n`;
    options.destination.write(line);
  } catch {
    // Logging may fail; what is being logged may not fail because of it.
  }
}
