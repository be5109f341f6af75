import { readFileSync } from 'node:fs';
import { errorText } from '@slotcast/kernel';
import { ConfigError } from './config-error.ts';
import { usesSasl, usesTls } from './config-rules.ts';
import type { Settings } from './config-table.ts';

/** Certificates and key in PEM, as Node's `tls.connect` takes them. */
export interface KafkaTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** One shape for each mechanism, as kafkajs declares it. */
export type KafkaSasl =
  | ({ readonly mechanism: 'plain' } & Credentials)
  | ({ readonly mechanism: 'scram-sha-256' } & Credentials)
  | ({ readonly mechanism: 'scram-sha-512' } & Credentials);

/** How to reach Kafka, as plain data. */
export interface KafkaOptions {
  readonly clientId: string;
  /** `host:port` each. */
  readonly brokers: readonly string[];
  /** Absent: connections are not encrypted. */
  readonly ssl?: KafkaTls;
  /** Absent: no authentication. */
  readonly sasl?: KafkaSasl;
}

type KafkaSettings = Pick<Settings, Extract<keyof Settings, `kafka${string}`>>;

/**
 * Maps the KAFKA_* settings to connection options and reads the PEM files. Throws a ConfigError that names every file that
 * cannot be read.
 */
export function kafkaOptions(settings: KafkaSettings): KafkaOptions {
  const ssl = usesTls(settings.kafkaSecurityProtocol) ? readTls(settings) : undefined;
  const sasl = usesSasl(settings.kafkaSecurityProtocol) ? saslOf(settings) : undefined;
  return {
    clientId: settings.kafkaClientId,
    brokers: settings.kafkaBootstrapServers,
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl }),
  };
}

function saslOf(settings: KafkaSettings): KafkaSasl {
  const { kafkaSaslMechanism, kafkaSaslUsername, kafkaSaslPassword } = settings;
  if (
    kafkaSaslMechanism === undefined ||
    kafkaSaslUsername === undefined ||
    kafkaSaslPassword === undefined
  ) {
    throw new ConfigError([
      'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD: all are needed with a SASL_ protocol',
    ]);
  }
  const credentials = { username: kafkaSaslUsername, password: kafkaSaslPassword };
  if (kafkaSaslMechanism === 'PLAIN') {
    return { mechanism: 'plain', ...credentials };
  }
  return kafkaSaslMechanism === 'SCRAM-SHA-256'
    ? { mechanism: 'scram-sha-256', ...credentials }
    : { mechanism: 'scram-sha-512', ...credentials };
}

function readTls(settings: KafkaSettings): KafkaTls {
  const problems: string[] = [];
  const read = (name: string, path: string | undefined): string | undefined => {
    if (path === undefined) {
      return undefined;
    }
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      problems.push(`${name}: the file cannot be read: ${errorText(error)}; expected a PEM file`);
      return undefined;
    }
  };
  const ca = read('KAFKA_SSL_CA_LOCATION', settings.kafkaSslCaLocation);
  const cert = read('KAFKA_SSL_CERTIFICATE_LOCATION', settings.kafkaSslCertificateLocation);
  const key = read('KAFKA_SSL_KEY_LOCATION', settings.kafkaSslKeyLocation);
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  const passphrase = settings.kafkaSslKeyPassword;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}
