import { SlotcastError } from '@slotcast/kernel';

/** The configuration cannot be used. Carries every problem that was found, one line each, without secrets. */
export class ConfigError extends SlotcastError {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      'SC_CONFIG_INVALID',
      ['the configuration is invalid:', ...problems.map((problem) => `  ${problem}`)].join('\n'),
    );
    this.problems = problems;
  }
}
