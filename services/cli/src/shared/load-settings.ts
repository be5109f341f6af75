import { type Config, loadConfig, postgresEnvironment, type Service } from '@slotcast/config';
import { connectionProblems } from '@slotcast/postgres';
import type { GlobalOptions } from './command-scope.ts';

/** The configuration of a service, or of a command. Throws a ConfigError. */
export function loadSettings(options: GlobalOptions, service: Service): Config {
  const config = loadConfig({
    env: process.env,
    file: options.config,
    service,
    postgresProblems: connectionProblems,
  });
  // Connections read these from the environment only; here they may come from a file.
  Object.assign(process.env, postgresEnvironment(config));
  return config;
}
