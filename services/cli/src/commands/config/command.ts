import { type Config, type ConfigLine, describeConfig, type Service } from '@slotcast/config';
import { type ExitCode, exitCodes } from '@slotcast/kernel';
import { type PrintOptions, untilInterrupted } from '../../shared/command-scope.ts';
import { loadSettings } from '../../shared/load-settings.ts';
import { printable, printLine } from '../../shared/output.ts';

export interface ConfigOptions extends PrintOptions {
  readonly service: Service;
}

/** `slotcast config`: what is in effect and where it came from, without secrets. Throws a ConfigError. */
export async function runConfig(options: ConfigOptions): Promise<void> {
  const config: Config = loadSettings(options, options.service);
  await untilInterrupted(() => print(describeConfig(config), options));
}

async function print(lines: readonly ConfigLine[], options: ConfigOptions): Promise<ExitCode> {
  if (options.output === 'json') {
    await printLine(JSON.stringify(asObject(lines), undefined, 2));
    return exitCodes.ok.code;
  }
  const nameWidth = Math.max(...lines.map((line) => line.name.length));
  const valueWidth = Math.max(...lines.map((line) => shown(line).length));
  for (const line of lines) {
    await printLine(`${line.name.padEnd(nameWidth)}  ${shown(line).padEnd(valueWidth)}  ${line.origin}`);
  }
  return exitCodes.ok.code;
}

function asObject(lines: readonly ConfigLine[]): object {
  return Object.fromEntries(
    lines.map(({ name, value, origin }) => [name, { value: value ?? null, origin }] as const),
  );
}

function shown(line: ConfigLine): string {
  return printable(line.value ?? '-');
}
