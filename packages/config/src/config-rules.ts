import type { Service, Settings } from './config-table.ts';

const kafkaSslVariables = [
  'KAFKA_SSL_CA_LOCATION',
  'KAFKA_SSL_CERTIFICATE_LOCATION',
  'KAFKA_SSL_KEY_LOCATION',
  'KAFKA_SSL_KEY_PASSWORD',
] as const;

const kafkaSaslVariables = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;

/** What the rules look at. */
export interface ConfigFacts {
  /** The settings that are well-formed. */
  readonly settings: { readonly [Field in keyof Settings]?: Settings[Field] | undefined };
  /** True for a variable that was given, well-formed or not. */
  readonly isSet: (name: string) => boolean;
  readonly service: Service;
}

/** The rules that hold between settings; one line for each breach, without secrets. */
export function configRuleProblems(facts: ConfigFacts): string[] {
  return [
    ...postgresProblems(facts),
    ...kafkaSslProblems(facts),
    ...kafkaSaslProblems(facts),
    ...pollProblems(facts),
  ];
}

function postgresProblems({ isSet, service }: ConfigFacts): string[] {
  if (service === 'cli' || ['SLOTCAST_POSTGRES_URL', 'PGHOST', 'PGHOSTADDR'].some(isSet)) {
    return [];
  }
  return [
    `SLOTCAST_POSTGRES_URL: missing, and PGHOST too; the ${service} needs one of them to find this node's server`,
  ];
}

function kafkaSslProblems({ settings, isSet }: ConfigFacts): string[] {
  const problems: string[] = [];
  const protocol = settings.kafkaSecurityProtocol;
  for (const name of kafkaSslVariables.filter(isSet)) {
    if (protocol !== undefined && !usesTls(protocol)) {
      problems.push(
        `${name}: has no effect with KAFKA_SECURITY_PROTOCOL=${protocol}; expected SSL or SASL_SSL there`,
      );
    }
  }
  const [certificate, key] = ['KAFKA_SSL_CERTIFICATE_LOCATION', 'KAFKA_SSL_KEY_LOCATION'] as const;
  if (isSet(certificate) !== isSet(key)) {
    const [given, missing] = isSet(certificate) ? [certificate, key] : [key, certificate];
    problems.push(`${missing}: missing; ${given} is set, and one is of no use without the other`);
  }
  return problems;
}

function kafkaSaslProblems({ settings, isSet }: ConfigFacts): string[] {
  const problems: string[] = [];
  const protocol = settings.kafkaSecurityProtocol;
  if (protocol === undefined) {
    return problems;
  }
  for (const name of kafkaSaslVariables) {
    if (usesSasl(protocol) && !isSet(name)) {
      problems.push(`${name}: missing; KAFKA_SECURITY_PROTOCOL=${protocol} needs it`);
    } else if (!usesSasl(protocol) && isSet(name)) {
      problems.push(
        `${name}: has no effect with KAFKA_SECURITY_PROTOCOL=${protocol}; expected SASL_SSL or SASL_PLAINTEXT there`,
      );
    }
  }
  return problems;
}

function pollProblems({ settings: { pollMinMs, pollMaxMs } }: ConfigFacts): string[] {
  if (pollMinMs === undefined || pollMaxMs === undefined || pollMinMs <= pollMaxMs) {
    return [];
  }
  return [
    `SLOTCAST_POLL_MIN_MS: ${pollMinMs} ms is more than SLOTCAST_POLL_MAX_MS, ${pollMaxMs} ms; expected at most that`,
  ];
}

/** True when connections to the brokers are encrypted. */
export function usesTls(protocol: Settings['kafkaSecurityProtocol']): boolean {
  return protocol === 'SSL' || protocol === 'SASL_SSL';
}

/** True when the brokers want user and password. */
export function usesSasl(protocol: Settings['kafkaSecurityProtocol']): boolean {
  return protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL';
}
