import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { ConfigError, kafkaOptions, loadConfig } from '@slotcast/config';

const folder = mkdtempSync(join(tmpdir(), 'slotcast-kafka-'));
after(() => rmSync(folder, { recursive: true }));

function optionsFor(env: Record<string, string>) {
  return kafkaOptions(
    loadConfig({
      env: { SLOTCAST_CLUSTER: 'c', KAFKA_BOOTSTRAP_SERVERS: 'a:1,b:2', ...env },
      service: 'cli',
      hostName: 'h',
    }),
  );
}

describe('Kafka connection options', { timeout: 5000 }, () => {
  test('are brokers and client id alone by default', () => {
    assert.deepEqual(optionsFor({}), { clientId: 'slotcast', brokers: ['a:1', 'b:2'] });
  });

  test('use the system certificate authorities with SSL and no files', () => {
    assert.deepEqual(optionsFor({ KAFKA_SECURITY_PROTOCOL: 'SSL' }).ssl, {});
  });

  test('hold the contents of the PEM files', () => {
    for (const name of ['ca', 'cert', 'key']) {
      writeFileSync(join(folder, name), `PEM ${name}`);
    }
    const { ssl, sasl } = optionsFor({
      KAFKA_SECURITY_PROTOCOL: 'SSL',
      KAFKA_SSL_CA_LOCATION: join(folder, 'ca'),
      KAFKA_SSL_CERTIFICATE_LOCATION: join(folder, 'cert'),
      KAFKA_SSL_KEY_LOCATION: join(folder, 'key'),
      KAFKA_SSL_KEY_PASSWORD: 'open',
    });
    assert.deepEqual(ssl, { ca: 'PEM ca', cert: 'PEM cert', key: 'PEM key', passphrase: 'open' });
    assert.equal(sasl, undefined);
  });

  test('name every PEM file that cannot be read', () => {
    assert.throws(
      () =>
        optionsFor({
          KAFKA_SECURITY_PROTOCOL: 'SSL',
          KAFKA_SSL_CA_LOCATION: join(folder, 'no-ca'),
          KAFKA_SSL_CERTIFICATE_LOCATION: join(folder, 'no-cert'),
          KAFKA_SSL_KEY_LOCATION: join(folder, 'no-key'),
        }),
      (error) => error instanceof ConfigError && error.problems.length === 3,
    );
  });

  test('have SASL with and without TLS', () => {
    const credentials = {
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
    };
    const sasl = { mechanism: 'scram-sha-256', username: 'u', password: 'p' };
    const plain = optionsFor({ ...credentials, KAFKA_SECURITY_PROTOCOL: 'SASL_PLAINTEXT' });
    assert.deepEqual(plain.sasl, sasl);
    assert.equal(plain.ssl, undefined);
    const tls = optionsFor({ ...credentials, KAFKA_SECURITY_PROTOCOL: 'SASL_SSL' });
    assert.deepEqual(tls.sasl, sasl);
    assert.deepEqual(tls.ssl, {});
  });
});
